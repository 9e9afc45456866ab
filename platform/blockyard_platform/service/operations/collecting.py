"""What a data folder holds that belongs into a backup, in the order in which it is to be copied.

DBOS's databases are copied before the journal, and what tenants keep after it: the journal of the copy then knows all that
DBOS knows, and nothing of tenants' data that is not there. What it does not know yet is done again, as after a crash.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blockyard_platform.secrets.key_files import FORMAT as KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SQLITE = b"SQLite format 3\0"
DBOS = "-dbos"
TENANTS = "tenants"
UNFINISHED = ".blockyard-"
LOCK = ".lock"
"""What a server holds while it starts."""
_BESIDE = ("-wal", "-shm", "-journal", "-lock")
_OWN_DEPTH = 3
"""``tenants/NAME/FILE``: what is deeper is a tenant's own, and only bytes, whatever it looks like."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the data folder, by its path in it: ``kind`` is database, file or keys."""

    path: str
    kind: str


def collect(folder: Path) -> list[Found]:
    """Return the files of a data folder, in the order of copying. Links, pipes and sockets are no part of it. Raises OSError."""
    return sorted(_files(folder), key=lambda it: (_rank(it), it.path))


def _rank(found: Found) -> int:
    if "/" in found.path or found.kind != "database":
        return 3 if found.kind == "file" else 2
    return 0 if found.path.endswith(DBOS) else 1


def _files(folder: Path, inner: str = "") -> Iterator[Found]:
    with os.scandir(folder / inner) as entries:
        for entry in entries:
            path = f"{inner}/{entry.name}" if inner else entry.name
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(UNFINISHED):
                    yield from _files(folder, path)
            elif entry.is_file(follow_symlinks=False) and not _is_passing(path):
                kind = _kind(folder, path)
                if kind is not None:
                    yield Found(path, kind)


def _is_passing(path: str) -> bool:
    return path == LOCK or path.rpartition("/")[2].startswith(UNFINISHED)


def _kind(folder: Path, path: str) -> str | None:
    parts = path.split("/")
    if parts[0] == TENANTS and len(parts) > _OWN_DEPTH:
        return "file"
    for ending in _BESIDE:
        if path.endswith(ending) and _begins(folder / path.removesuffix(ending), SQLITE):
            return None  # It belongs to the database beside it, whose copy has what is in it.
    if _begins(folder / path, SQLITE):
        return "database"
    return "keys" if parts[0] != TENANTS and _begins(folder / path, KEYS.encode()) else "file"


def _begins(path: Path, with_: bytes) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return False
        return os.read(descriptor, len(with_)) == with_
    finally:
        os.close(descriptor)
