"""The archive of a backup: a tar in gzip, whose members are numbered, and a manifest that says what each is.

No name and no path of a member is ever used: where a file belongs stands in the manifest, which comes last and is read strictly.
So an archive cannot lead out of a folder, and holds nothing but plain files.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from blockyard_platform.plain import is_list, is_mapping
from blockyard_platform.service.operations.errors import RestoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT = "blockyard-backup 1"
MANIFEST = "manifest.json"
MOST_FILES = 500_000
MOST_MANIFEST = 256 * 1024 * 1024
_BLOCK = 512
_CHUNK = 1024 * 1024
_TRAILING = 1024 * 1024
_KINDS = ("database", "file", "keys")
_DEEPEST = 40
_HINT = "take another backup: this one was damaged, or is none"


class Source(Protocol):
    """What is read from."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes; fewer at the end."""
        ...


class Target(Protocol):
    """What is written to."""

    def write(self, data: bytes, /) -> object:
        """Take all of the bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a backup: which member it is, where it belongs in the data folder, and what it must be."""

    member: str
    path: str
    kind: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds. ``schema`` is the migration that the journal is at; times are seconds since 1970."""

    schema: str
    version: str
    created: float
    keys_left_out: bool
    entries: tuple[Entry, ...]

    def dumped(self) -> bytes:
        """Return the manifest as it stands in an archive."""
        return json.dumps({"format": FORMAT} | asdict(self), separators=(",", ":")).encode()


def copied(source: Source, target: Target, size: int) -> str:
    """Copy exactly so many bytes, and return their SHA-256. Raises EOFError when there are fewer."""
    digest, left = hashlib.sha256(), size
    while left:
        data = source.read(min(_CHUNK, left))
        if not data:
            raise EOFError
        digest.update(data)
        target.write(data)
        left -= len(data)
    return digest.hexdigest()


def header(name: str, size: int) -> bytes:
    """Return what stands before a member of a tar; sizes of 8 GiB and more are written as GNU's tar does."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict")


def padding(size: int) -> bytes:
    """Return what stands after a member of so many bytes."""
    return b"\0" * (-size % _BLOCK)


END = b"\0" * (2 * _BLOCK)


def members(stream: Source) -> Iterator[tuple[str, int]]:
    """Yield name and size of each member; whoever is given one reads all of its bytes from the stream. Raises RestoreError.

    The headers are read one by one, since a library's reader follows what extended ones say, with memory as large as they ask for.
    """
    while True:
        block = stream.read(_BLOCK)
        if block == b"\0" * _BLOCK:
            _check_end(stream)
            return
        try:
            info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        except (tarfile.HeaderError, ValueError) as error:
            raise RestoreError(f"the archive cannot be read: {error}", _HINT) from None
        if info.type != tarfile.REGTYPE or info.size < 0:
            raise RestoreError("the archive holds something else than plain files", _HINT)
        if not (info.name == MANIFEST or info.name.isdecimal()) or len(info.name) > 20:
            raise RestoreError("the archive holds a file that no backup has", _HINT)
        yield info.name, info.size
        if stream.read(-info.size % _BLOCK).strip(b"\0"):
            raise RestoreError("the archive cannot be read: bytes between its files", _HINT)


def _check_end(stream: Source) -> None:
    """Read to the end, which is also where gzip checks its sum."""
    rest = stream.read(_TRAILING)
    if rest.strip(b"\0") or stream.read(1):
        raise RestoreError("the archive cannot be read: bytes after its end", _HINT)


def parse_manifest(data: bytes) -> Manifest:
    """Return the manifest that an archive holds. Raises RestoreError for anything that is not exactly one."""
    try:
        found: Any = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not is_mapping(found) or found.get("format") != FORMAT:
        raise RestoreError("this is no backup of this program, or one of a newer version", _HINT)
    try:
        rows = found["entries"]
        if not is_list(rows):
            raise TypeError
        entries = tuple(_entry(row) for row in rows)
        manifest = Manifest(
            schema=_typed(found["schema"], str),
            version=_typed(found["version"], str),
            created=float(_typed(found["created"], float)),
            keys_left_out=_typed(found["keys_left_out"], bool),
            entries=entries,
        )
    except (KeyError, TypeError):
        raise RestoreError("the backup's manifest is damaged", _HINT) from None
    _check_paths([each.path for each in entries])
    return manifest


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value


def _entry(row: Any) -> Entry:
    found = Entry(
        member=_typed(row["member"], str),
        path=_typed(row["path"], str),
        kind=_typed(row["kind"], str),
        size=_typed(row["size"], int),
        sha256=_typed(row["sha256"], str),
    )
    if found.kind not in _KINDS:
        raise TypeError
    return found


def _check_paths(paths: list[str]) -> None:
    """Raise RestoreError for a path that leads elsewhere, and for two that cannot both be."""
    known = set(paths)
    if len(known) != len(paths):
        raise RestoreError("the backup names a path twice", _HINT)
    for path in paths:
        parts = path.split("/")
        fits = len(parts) <= _DEEPEST and all(_is_part(part) for part in parts)
        above = ("/".join(parts[:count]) for count in range(1, len(parts)))
        if not fits or any(each in known for each in above):
            raise RestoreError(f"the backup names a path that cannot be: {path[:200]!a}", _HINT)


def _is_part(part: str) -> bool:
    try:
        size = len(part.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return False
    return part not in ("", ".", "..") and "\0" not in part and size <= 255
