"""One person's file of secrets: names and values in TOML, YAML or JSON, which only its owner may read. No message shows a value."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blockyard_platform.plain import is_mapping
from blockyard_platform.secrets.errors import SecretError
from blockyard_platform.secrets.names import ADMIN, NAME
from blockyard_platform.secrets.private_files import read_private
from blockyard_platform.secrets.providers import GivenSecrets
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.showing import shown

if TYPE_CHECKING:
    import os

MOST_BYTES = 1 << 20
MOST_SECRETS = 1_000


def read_secrets(path: str | os.PathLike[str]) -> GivenSecrets:
    """Return the secrets of a file, whose ending (.toml, .yaml, .yml or .json) tells how it is written. Raises SecretError."""
    place = Path(path)
    data = read_private(place, MOST_BYTES, "change what is in it")
    if len(data) > MOST_BYTES:
        raise SecretError(f"{place}: is larger than {MOST_BYTES} bytes")
    values = _parsed(place, data)
    if not is_mapping(values) or len(values) > MOST_SECRETS:
        raise SecretError(
            f"{place}: holds no mapping of up to {MOST_SECRETS} names to values",
            "write one line a secret, such as API_TOKEN: abc",
        )
    for name, value in values.items():
        _check(place, name, value)
    return GivenSecrets(values)


def _parsed(place: Path, data: bytes) -> Any:
    """Return what a file holds; what is wrong with it is told by its line, since a parser's words may show a value."""
    line: int | None = None
    try:
        if place.suffix == ".toml":
            return tomllib.loads(data.decode())
        if place.suffix in (".yaml", ".yml", ".json"):
            return _read(data, place.suffix)
    except InvalidDocumentError as error:
        line = error.problems[0].line
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        line = None
    else:
        raise SecretError(
            f"{place}: is no file of secrets by its name", "end it in .toml, .yaml, .yml or .json"
        )
    where = "" if line is None else f", line {line}"
    raise SecretError(f"{place}{where}: cannot be read as {place.suffix[1:]}")


def _read(data: bytes, suffix: str) -> Any:
    from blockyard_schemas.reader import ReadLimits, read

    limits = ReadLimits(bytes=MOST_BYTES, text=MOST_BYTES)
    return read(data, limits=limits, syntax="json" if suffix == ".json" else None).data


def _check(place: Path, name: str, value: Any) -> None:
    if not NAME.fullmatch(name.removeprefix(ADMIN)):
        raise SecretError(
            f"{place}: {shown(name)} cannot be the name of a secret",
            f"use letters, digits, _ and -, and begin with a letter, _ or {ADMIN}",
        )
    if not isinstance(value, str) or not value.strip():
        raise SecretError(f"{place}: the value of {name} is no text", "write it in quotes")
