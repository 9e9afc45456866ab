"""Backups are brought back into an empty folder: all of one, after everything in it has been verified, or nothing."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from blockyard_platform.service.operations import archives
from blockyard_platform.service.operations.archives import MANIFEST, Manifest
from blockyard_platform.service.operations.backup import sync_folder
from blockyard_platform.service.operations.errors import RestoreError
from blockyard_platform.store.tables import HEAD

if TYPE_CHECKING:
    from blockyard_platform.service.operations.archives import Entry, Source

MOST_BYTES = 1024**4
_RESERVE = 64 * 1024 * 1024
"""Bytes of the disk that stay free, whatever an archive holds."""
_ALLOWED = {"lost+found"}
"""What an empty disk may hold."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back."""

    folder: Path
    schema: str
    created: float
    databases: int
    files: int
    keys_left_out: bool


def restore(source: Path, data: str | os.PathLike[str], *, most: int = MOST_BYTES) -> Restored:
    """Bring a backup back into a folder that is empty or not there. Raises RestoreError, and leaves the folder as it was.

    ``most`` bytes may come out of it, and never more than the disk has room for.
    """
    if "://" in os.fspath(data):
        raise RestoreError("only a data folder is restored here", "PostgreSQL has pg_restore")
    folder = Path(data).absolute()
    made = not folder.exists()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if set(os.listdir(folder)) - _ALLOWED:
            raise RestoreError(f"{folder} is not empty", "give a new folder")
        staging = folder / f".restoring-{token_hex(6)}"
        staging.mkdir(mode=0o700)
        try:
            manifest = _unpacked(source, staging, most)
            _place(manifest, staging, folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except RestoreError:
        _leave(folder, made=made)
        raise
    except (OSError, EOFError, zlib.error) as error:
        _leave(folder, made=made)
        said = str(error) or "it ends too early"
        raise RestoreError(f"the backup cannot be restored: {said}") from error
    kinds = [each.kind for each in manifest.entries]
    return Restored(
        folder=folder,
        schema=manifest.schema,
        created=manifest.created,
        databases=kinds.count("database"),
        files=len(kinds) - kinds.count("database"),
        keys_left_out=manifest.keys_left_out,
    )


def _leave(folder: Path, *, made: bool) -> None:
    if made and folder.is_dir() and not os.listdir(folder):
        folder.rmdir()


def _unpacked(source: Path, staging: Path, most: int) -> Manifest:
    """Write the members into a folder by their numbers, and return the manifest when it says the same of all of them."""
    sums: dict[str, tuple[int, str]] = {}
    manifest: Manifest | None = None
    left = min(most, shutil.disk_usage(staging).free - _RESERVE)
    with source.open("rb") as raw, gzip.GzipFile(fileobj=raw, mode="rb") as stream:
        for name, size in archives.members(stream):
            left -= size
            if manifest is not None or name in sums or len(sums) >= archives.MOST_FILES:
                raise RestoreError("the archive holds more than a backup does")
            if left < 0:
                raise RestoreError(
                    "the backup is larger than what may come out of it",
                    "make room on the disk, if you know where the backup is from",
                )
            if name == MANIFEST:
                manifest = archives.parse_manifest(_read(stream, size))
                _check_version(manifest)
            else:
                sums[name] = size, _write(stream, staging / name, size)
    if manifest is None:
        raise RestoreError("the archive has no manifest: it is no backup of this program")
    _check_sums(manifest.entries, sums)
    return manifest


def _read(stream: Source, size: int) -> bytes:
    if size > archives.MOST_MANIFEST:
        raise RestoreError("the backup's manifest is too large")
    data = stream.read(size)
    if len(data) != size:
        raise EOFError
    return data


def _write(stream: Source, place: Path, size: int) -> str:
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as target:
        digest = archives.copied(stream, target, size)
        target.flush()
        os.fsync(descriptor)
    return digest


def _check_version(manifest: Manifest) -> None:
    if manifest.schema > HEAD:
        raise RestoreError(
            f"the backup is of a newer version of this program ({manifest.schema}, and this one knows {HEAD})",
            "update the program first",
        )


def _check_sums(entries: tuple[Entry, ...], sums: dict[str, tuple[int, str]]) -> None:
    if sorted(each.member for each in entries) != sorted(sums):
        raise RestoreError("the backup does not hold what its manifest names")
    for each in entries:
        if sums[each.member] != (each.size, each.sha256):
            raise RestoreError(f"the backup is damaged: {each.path[:200]!a} has another sum")


def _place(manifest: Manifest, staging: Path, folder: Path) -> None:
    """Give each file its place, the databases of the service last: without them there is nothing to be started."""
    try:
        _move(manifest, staging, folder)
    except BaseException:
        for name in {entry.path.partition("/")[0] for entry in manifest.entries}:
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / name).unlink(missing_ok=True)
        raise


def _move(manifest: Manifest, staging: Path, folder: Path) -> None:
    places: set[Path] = {folder}
    last = sorted(manifest.entries, key=lambda it: it.kind == "database" and "/" not in it.path)
    for entry in last:
        place = folder.joinpath(*entry.path.split("/"))
        above = [it for it in place.parents if it.is_relative_to(folder)]
        for each in reversed(above[:-1]):
            each.mkdir(mode=0o700, exist_ok=True)
        (staging / entry.member).rename(place)
        places |= set(above)
    for each in sorted(places, reverse=True):
        sync_folder(each)


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file, to be noted elsewhere: the sums inside of a backup do not tell who has made it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
