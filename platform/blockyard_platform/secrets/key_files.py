"""The admin's key file: a line that names the format, then one line a key, the newest last.

A line is ``ID KEY``: 16 hexadecimal digits and the base64 of 32 random bytes. The id is derived from the key, so that a
line with a wrong letter in it is noticed, and so that two keys never share an id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from contextlib import suppress
from pathlib import Path

from blockyard_platform.secrets.errors import KeyFileError, PrivateFileError
from blockyard_platform.secrets.private_files import read_private

FORMAT = "blockyard-keys 1"
"""The first line of a key file."""
KEY_BYTES = 32
MOST_KEYS = 100
_MOST_BYTES = 16 << 10

Key = tuple[str, bytes]
"""The id of a key, and the key."""


def create_key_file(path: str | os.PathLike[str]) -> None:
    """Write a file of one fresh key, with the mode 0600. Raises KeyFileError, also when the file is there already."""
    place = Path(path)
    _write_new(place, _text_of([_fresh()]), "a key file is never written over; give another path")
    _sync_folder(place.parent)


def add_key(path: str | os.PathLike[str]) -> None:
    """Add a fresh key, which is the newest from now on. The file is replaced as a whole. Raises KeyFileError."""
    # The file itself is replaced, not a link to it. The file aside is also the lock: two admins cannot both rotate.
    place = Path(os.path.realpath(path))
    aside = place.with_name(place.name + ".new")
    _write_new(aside, "", f"someone else is adding a key; if nobody is, delete {aside}")
    try:
        keys = [*read_key_file(place), _fresh()]
        if len(keys) > MOST_KEYS:
            raise KeyFileError(f"{place}: there are {MOST_KEYS} keys, and there may be no more")
        _write(os.open(aside, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW), _text_of(keys))
        aside.replace(place)
    except BaseException as error:
        aside.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise KeyFileError(f"{place}: cannot be written: {error.strerror}") from None
        raise
    _sync_folder(place.parent)


def read_key_file(path: str | os.PathLike[str]) -> list[Key]:
    """Return the keys, the newest last. Raises KeyFileError, also when others than the owner may read the file."""
    place = Path(path)
    try:
        data = read_private(place, _MOST_BYTES, "add a key")
    except PrivateFileError as error:
        hint = "make one with KeyRing.create" if error.missing else error.hint
        raise KeyFileError(str(error), hint) from None
    return _parsed(place, data)


def _parsed(place: Path, data: bytes) -> list[Key]:
    lines = data.decode("ascii", "replace").split("\n")
    if lines[0] != FORMAT:
        raise KeyFileError(
            f"{place}: is not a key file of this version", f"its first line is {FORMAT!r}"
        )
    if len(data) > _MOST_BYTES:
        raise KeyFileError(f"{place}: is larger than {_MOST_BYTES} bytes")
    if lines.pop() != "":
        raise KeyFileError(f"{place}: its last line is cut off", "restore it from a copy")
    keys = [_key_of(place, number, line) for number, line in enumerate(lines[1:], 2)]
    if not keys or len(keys) > MOST_KEYS:
        raise KeyFileError(f"{place}: has {len(keys)} keys; it may have 1 to {MOST_KEYS}")
    if len(dict(keys)) < len(keys):
        raise KeyFileError(f"{place}: has a key twice", "delete one of the two lines")
    return keys


def _key_of(place: Path, number: int, line: str) -> Key:
    where = f"{place}, line {number}"
    name, space, text = line.partition(" ")
    if not space:
        raise KeyFileError(f"{where}: is not an id and a key")
    key: bytes | None = None
    with suppress(binascii.Error, ValueError):
        key = base64.b64decode(text, validate=True)
    if key is None:
        raise KeyFileError(f"{where}: the key is not base64")
    if len(key) != KEY_BYTES:
        raise KeyFileError(f"{where}: the key has {len(key)} bytes; it must have {KEY_BYTES}")
    if name != _id_of(key):
        raise KeyFileError(
            f"{where}: the key is not the one of its id", "restore it from a copy: it was altered"
        )
    return name, key


def _fresh() -> Key:
    key = os.urandom(KEY_BYTES)
    return _id_of(key), key


def _id_of(key: bytes) -> str:
    return hmac.new(key, b"blockyard key id", hashlib.sha256).hexdigest()[:16]


def _text_of(keys: list[Key]) -> str:
    lines = [f"{name} {base64.b64encode(key).decode()}" for name, key in keys]
    return "\n".join([FORMAT, *lines, ""])


def _write_new(place: Path, text: str, hint: str) -> None:
    try:
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise KeyFileError(f"{place}: is there already", hint) from None
    except OSError as error:
        raise KeyFileError(f"{place}: cannot be made: {error.strerror}") from None
    try:
        os.fchmod(descriptor, 0o600)  # the umask may have taken the owner's own rights away
        _write(descriptor, text)
    except OSError as error:
        place.unlink(missing_ok=True)
        raise KeyFileError(f"{place}: cannot be written: {error.strerror}") from None


def _write(descriptor: int, text: str) -> None:
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    # Until its folder is on disk, too, a new key might be lost in a crash after values were sealed with it.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
