"""Backups of the embedded store: all of a data folder in one file, taken while the service writes to it."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import stat
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from secrets import token_hex
from time import time
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from blockyard_platform.service.operations import archives
from blockyard_platform.service.operations.archives import END, MANIFEST, Entry, Manifest
from blockyard_platform.service.operations.collecting import Found, collect
from blockyard_platform.service.operations.errors import BackupError

if TYPE_CHECKING:
    from collections.abc import Generator

_BUSY_SECONDS = 30
_POSTGRESQL = "a database of PostgreSQL is saved with pg_dump, and brought back with pg_restore"


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup holds: bytes in the archive, and how many files of which kind."""

    path: Path
    size: int
    schema: str
    databases: int
    files: int
    keys_left_out: bool


def back_up(data: str | os.PathLike[str], target: Path, *, with_keys: bool = False) -> BackedUp:
    """Write a backup of a data folder; a service that uses the folder goes on meanwhile. Raises BackupError.

    The file is there whole or not at all, for its owner alone. Key files are left out unless asked for: with them,
    who has the backup has the secrets.
    """
    folder = _folder(data)
    target = target.absolute()
    if target.exists():
        raise BackupError(f"{target} is there already", "give another name")
    if target.is_relative_to(folder):
        raise BackupError("the backup would lie in the folder that it is of", "give another place")
    try:
        with _aside(target) as stream, _staging(target) as staging:
            manifest = _Writer(folder, Path(staging), stream).write(with_keys=with_keys)
        size = target.stat().st_size
    except (OSError, sqlite3.Error, EOFError) as error:
        raise BackupError(
            f"the backup cannot be made: {error or 'a file became shorter'}"
        ) from error
    kinds = [each.kind for each in manifest.entries]
    return BackedUp(
        path=target,
        size=size,
        schema=manifest.schema,
        databases=kinds.count("database"),
        files=len(kinds) - kinds.count("database"),
        keys_left_out=manifest.keys_left_out,
    )


def _folder(data: str | os.PathLike[str]) -> Path:
    if "://" in os.fspath(data):
        raise BackupError("only a data folder is backed up here", _POSTGRESQL)
    folder = Path(data).absolute().resolve()
    if not folder.is_dir():
        raise BackupError(f"there is no folder {folder}", "give the data folder of the service")
    return folder


def _staging(target: Path) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent)


@contextmanager
def _aside(target: Path) -> Generator[IO[bytes]]:
    """Yield a stream to a file beside the target, which gets its name when all of it is on the disk."""
    place = target.with_name(f".{target.name}.{token_hex(6)}")
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        place.rename(target)
    except BaseException:
        place.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Writer:
    """Writes one archive."""

    def __init__(self, folder: Path, staging: Path, stream: IO[bytes]) -> None:
        self._folder = folder
        self._staging = staging
        self._raw = stream
        self._entries: list[Entry] = []
        self._schema: str | None = None

    def write(self, *, with_keys: bool) -> Manifest:
        found = collect(self._folder)
        if len(found) > archives.MOST_FILES:
            raise BackupError(
                f"the folder holds more than {archives.MOST_FILES} files",
                "stop the service, and save the folder by other means",
            )
        keys = [each for each in found if each.kind == "keys"]
        with gzip.GzipFile("", "wb", 6, self._raw, mtime=0) as stream:
            for each in found:
                if with_keys or each.kind != "keys":
                    self._add(stream, each)
            if self._schema is None:
                raise BackupError(f"no journal is in {self._folder}", _POSTGRESQL)
            manifest = Manifest(
                schema=self._schema,
                version=version("blockyard"),
                created=time(),
                keys_left_out=bool(keys) and not with_keys,
                entries=tuple(self._entries),
            )
            data = manifest.dumped()
            stream.write(archives.header(MANIFEST, len(data)) + data)
            stream.write(archives.padding(len(data)) + END)
        return manifest

    def _add(self, stream: archives.Target, found: Found) -> None:
        """Add a file. It is copied first: what goes into the archive must not change on the way."""
        staged = self._staging / "file"
        if found.kind == "database":
            self._copy_database(found, staged)
        elif not _copy_file(self._folder / found.path, staged):
            return  # It was deleted meanwhile, as tenants may do.
        size = staged.stat().st_size
        member = str(len(self._entries))
        stream.write(archives.header(member, size))
        with staged.open("rb") as source:
            digest = archives.copied(source, stream, size)
        stream.write(archives.padding(size))
        staged.unlink()
        self._entries.append(Entry(member, found.path, found.kind, size, digest))

    def _copy_database(self, found: Found, staged: Path) -> None:
        """Copy a database as it is at one moment; in WAL mode those who write do not wait for it."""
        place = quote(os.fsencode(self._folder / found.path))
        with (
            closing(sqlite3.connect(f"file:{place}?mode=rw", _BUSY_SECONDS, uri=True)) as source,
            closing(sqlite3.connect(staged)) as copy,
        ):
            source.backup(copy, pages=-1)
            copy.execute("PRAGMA journal_mode=DELETE")
            told = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
            if told != "ok":
                raise BackupError(f"{found.path} is damaged: {told}", "restore an older backup")
            if "/" not in found.path:
                self._schema = _schema(copy) or self._schema


def _schema(copy: sqlite3.Connection) -> str | None:
    """Return the migration that a journal is at, and None of a database that is no journal."""
    names = {row[0] for row in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {"runs", "records", "alembic_version"} <= names:
        return None
    found: str = copy.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    return found


def _copy_file(source: Path, staged: Path) -> bool:
    """Copy a file, if it is one still."""
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    with open(descriptor, "rb") as stream, staged.open("wb") as target:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return False
        shutil.copyfileobj(stream, target)
    return True
