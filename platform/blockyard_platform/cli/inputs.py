"""What the command line is given: files, params, policies and catalogs, each with a clear error."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from blockyard_schemas.limits import ReadLimits
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blockyard_blocks.catalog import Catalog
    from blockyard_platform.secrets.providers import Secrets
    from blockyard_schemas.policy import Policy

FILE_BYTES = 16 * 1024 * 1024
"""No file that the command line reads may be larger; the policy's own bound on documents is far lower."""

_PARAMS = ReadLimits(bytes=FILE_BYTES, nodes=250_000, text=FILE_BYTES)


def read_bytes(name: str) -> bytes:
    """Return what a file holds; ``-`` is standard input. Raises InvalidDocumentError when it cannot be read."""
    if name == "-":
        return _bounded(name, sys.stdin.buffer.read(FILE_BYTES + 1))
    path = Path(name)
    if not path.exists():
        raise _unreadable(
            name,
            "there is no such file",
            "give the path of a YAML or JSON file, or - for standard input",
        )
    if not path.is_file():
        raise _unreadable(name, "it is not a regular file", "give the path of a YAML or JSON file")
    try:
        with path.open("rb") as stream:
            return _bounded(name, stream.read(FILE_BYTES + 1))
    except OSError as error:
        raise _unreadable(name, error.strerror or str(error), "make the file readable") from error


def read_text(name: str) -> str:
    """Return the text of a file; ``-`` is standard input. Raises InvalidDocumentError when it cannot be read, or is not UTF-8."""
    try:
        return read_bytes(name).decode()
    except UnicodeDecodeError:
        raise _unreadable(name, "it is not UTF-8", "save it as UTF-8") from None


def read_policy(name: str | None) -> Policy:
    """Read a policy file; without a name, return the one for a person's own machine."""
    from blockyard_schemas.policy import load_policy, personal_policy

    return personal_policy() if name is None else load_policy(read_bytes(name))


def build_catalog(folders: Sequence[str]) -> Catalog:
    """Return the built-in blocks, the platform's host blocks, those of installed packages, and those of the folders."""
    from blockyard_platform.host_blocks import platform_catalog

    catalog = platform_catalog().with_entry_points()
    for folder in folders:
        if not Path(folder).is_dir():
            raise _unreadable(
                folder, "there is no such folder", "--catalog takes a folder of Python files"
            )
        catalog = catalog.with_folder(Path(folder))
    return catalog


def read_secrets(name: str | None) -> Secrets | None:
    """Read a file of secrets; raise InvalidDocumentError, which shows none of them."""
    if name is None:
        return None
    from blockyard_platform.secrets.errors import SecretError
    from blockyard_platform.secrets.files import read_secrets as read_file

    try:
        return read_file(name)
    except SecretError as error:
        problem = Problem("file", "", f"--secrets: {error}", error.hint)
    raise InvalidDocumentError([problem])


def folder_of(file: str, folder: str | None) -> Path | None:
    """Return the folder of the workflows that may be triggered: the one that is named, or that of a file."""
    if folder is None:
        return None if file == "-" else Path(file).parent
    if not Path(folder).is_dir():
        raise _unreadable(folder, "there is no such folder", "--workflows takes a folder")
    return Path(folder)


def read_params(file: str | None) -> dict[str, Any]:
    """Return the params of a file: one mapping of names to values."""
    if file is None:
        return {}
    from blockyard_schemas.reader import read

    data: Any = read(read_bytes(file), limits=_PARAMS).data
    if not isinstance(data, dict):
        raise InvalidDocumentError(
            [
                Problem(
                    "type",
                    "",
                    f"{file} holds no mapping of params",
                    "write one line `name: value` a param",
                )
            ]
        )
    return cast("dict[str, Any]", data)


def split_params(pairs: Sequence[str], flag: str = "--param") -> dict[str, str]:
    """Return ``K=V`` pairs of a flag as a mapping of texts; the declared types turn them into values."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise InvalidDocumentError(
                [
                    Problem(
                        "param",
                        "",
                        f"{flag} {pair!r} is not of the form NAME=VALUE",
                        f"write {flag} month=2026-01",
                    )
                ]
            )
        if name in found:
            raise InvalidDocumentError(
                [Problem("param", "", f"{flag} {name} is given twice", "give each once")]
            )
        found[name] = value
    return found


def _bounded(name: str, text: bytes) -> bytes:
    if len(text) > FILE_BYTES:
        raise _unreadable(name, f"it holds more than {FILE_BYTES} bytes", "split it")
    return text


def _unreadable(name: str, reason: str, hint: str) -> InvalidDocumentError:
    return InvalidDocumentError([Problem("file", "", f"cannot read {name}: {reason}", hint)])
