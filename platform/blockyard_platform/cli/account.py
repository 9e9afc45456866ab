"""Which server is asked, as whom, and for which tenant: flags before variables before what ``blockyard login`` has kept.

What is kept is a file of the user's own, which nobody else may read. A token that is kept for one server is never sent to another.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from blockyard_schemas.problems import InvalidDocumentError, Problem

SERVER = "BLOCKYARD_SERVER"
TOKEN = "BLOCKYARD_TOKEN"  # noqa: S105 - the name of a variable
TENANT = "BLOCKYARD_TENANT"
_MOST = 16 * 1024
_LOGIN = "log in: blockyard login https://your.server"


@dataclass(frozen=True, slots=True)
class Account:
    """A server, a token for it, and a tenant; its words leave the token out."""

    server: str | None = None
    token: str | None = None
    tenant: str | None = None
    ca: str | None = None
    plaintext: bool = False

    def __repr__(self) -> str:
        """Leave the token out."""
        return f"Account({self.server!r}, tenant={self.tenant!r})"


def login_file() -> Path:
    """Return where an account is kept: in the user's folder for settings (XDG base directories)."""
    base = os.environ.get("XDG_CONFIG_HOME") or ""
    folder = Path(base) if base.startswith("/") else Path.home() / ".config"
    return folder / "blockyard" / "login.json"


def has_server() -> bool:
    """Whether a server is known without a flag."""
    return bool(os.environ.get(SERVER)) or login_file().exists()


def find_account(given: Account, token_file: str | None = None) -> Account:
    """Return the account that flags, variables and the kept one come to. Raises InvalidDocumentError."""
    kept = read_account()
    server = given.server or os.environ.get(SERVER) or kept.server
    if server is None:
        raise _wrong("no server is known", f"{_LOGIN}; or give --server, or {SERVER}")
    same = kept.server is not None and _plain(server) == _plain(kept.server)
    found = kept if same else Account()
    token = os.environ.get(TOKEN) or found.token
    if token_file is not None:
        token = read_token(token_file)
    return replace(
        found,
        server=server,
        token=token,
        tenant=given.tenant or os.environ.get(TENANT) or found.tenant,
        ca=given.ca or found.ca,
        plaintext=given.plaintext or found.plaintext,
    )


def read_account() -> Account:
    """Return the account that is kept, or an empty one. Raises InvalidDocumentError when others may read it, or it cannot be read."""
    file = login_file()
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return Account()
    except OSError as error:
        raise _wrong(f"cannot read {file}: {error.strerror}", "log in again") from error
    with os.fdopen(descriptor, "rb") as stream:
        about = os.fstat(stream.fileno())
        if about.st_uid != os.geteuid() or stat.S_IMODE(about.st_mode) & 0o077:
            raise _wrong(f"others may read {file}, which has a token", f"chmod 600 {file}")
        text = stream.read(_MOST + 1)
    try:
        data: Any = json.loads(text)
        if not isinstance(data, dict):
            raise TypeError("it is no object")
        found = Account(**cast("dict[str, Any]", data))
        texts = (found.server, found.token, found.tenant, found.ca)
        if any(it is not None and not isinstance(it, str) for it in cast("tuple[Any, ...]", texts)):
            raise TypeError("a value is no text")
    except (ValueError, TypeError, RecursionError) as error:
        raise _wrong(f"{file} is not what login has written", "log in again") from error
    return replace(found, plaintext=found.plaintext is True)


def keep_account(account: Account) -> Path:
    """Write an account where :func:`read_account` looks, whole or not at all, for its owner alone. Raises InvalidDocumentError."""
    file = login_file()
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(fresh, flags, 0o600), "w") as stream:
            json.dump(asdict(account), stream)
        fresh.replace(file)
    except OSError as error:
        raise _wrong(f"cannot write {file}: {error.strerror}", "see who owns it") from error
    return file


def read_token(name: str) -> str:
    """Return the token that a file holds; ``-`` is standard input. Raises InvalidDocumentError."""
    try:
        if name == "-":
            return sys.stdin.read(_MOST).strip()
        with Path(name).open(encoding="ascii") as stream:
            return stream.read(_MOST).strip()
    except UnicodeDecodeError:
        raise _wrong(f"{name} holds no token", "give a file with nothing but the token") from None
    except OSError as error:
        raise _wrong(f"cannot read {name}: {error.strerror}", "give --token-file FILE") from error


def _plain(server: str) -> str:
    return server.rstrip("/")


def _wrong(message: str, hint: str) -> InvalidDocumentError:
    return InvalidDocumentError([Problem("account", "", message, hint)])
