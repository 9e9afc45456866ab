"""Files of one tenant: a folder of its own, within a quota that holds for all its runs at once."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from blockyard_platform.containers import fail
from blockyard_platform.host_blocks.stores import beneath
from blockyard_platform.host_blocks.stores.places import granted, made, tenant_folder
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Generator

    from blockyard_blocks import Context

MOST_ENTRIES: Final = 10_000
"""Files and folders that a tenant may have: the quota is counted anew before each is written."""

MOST_LISTED: Final = 1_000
_DEEPEST: Final = 16
_BLOCK: Final = 4096
_LOCK_SECONDS: Final = 60.0
_STALE_SECONDS: Final = 3600.0
"""Age of a file that was being written when the platform died."""

_PART = re.compile(r"[^\x00-\x1f\x7f/]{1,255}")
_WORDS: Final = {
    errno.ENOENT: "there is no such file or folder",
    errno.ENOTDIR: "a part of it is a file, not a folder",
    errno.EISDIR: "it is a folder",
    errno.EEXIST: "it is there already",
    errno.ENOTEMPTY: "the folder is not empty",
    errno.ELOOP: "it is, or leads through, a link",
    errno.EXDEV: "it leads out of the tenant's files",
    errno.ENAMETOOLONG: "its name is too long",
}
"""What the kernel says in words for a tenant, who is not told the host's paths."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a tenant, within so many bytes; its methods block, and raise StageFailureError."""

    folder: Path
    quota: int

    @staticmethod
    def of(context: Context) -> Files:
        """Return the files of a run's tenant; the policy has to give it some."""
        rules = context.policy.files
        quota = granted(rules.quota_mib, "files")
        if rules.root is None:
            return Files(made(tenant_folder(context), "files"), quota)
        if not Path(rules.root).is_dir():  # a disk that is not mounted must not be written beside
            message = "the folder of the policy's files.root is not there"
            raise fail(Code.UNHANDLED_EXCEPTION, message)
        return Files(made(Path(rules.root), context.tenant), quota)

    def read(self, path: str, most: int) -> bytes:
        """Return what a file holds, of at most so many bytes."""
        *folders, name = _parts(path)
        with self._root(path) as root, beneath.folder_at(root, folders) as folder:
            data = beneath.read_file(folder, name, most + 1)
        if len(data) > most:
            message = f"{_shown(path)} is larger than {most} bytes (the policy's stage.result_kib)"
            raise fail(Code.RESULT_LIMIT, message)
        return data

    def write(self, path: str, data: bytes, *, replace: bool) -> None:
        """Write a file whole, its folders made where they are missing; the quota holds whoever else is writing."""
        *folders, name = _parts(path)
        with self._root(path) as root, _locked(root):
            before = _size_of(root, folders, name)
            if before is not None and not replace:
                raise FileExistsError(errno.EEXIST, "is there")
            freed = 0 if before is None else _rounded(before) + _BLOCK
            entries = _missing(root, folders) + (before is None)
            self._check_room(root, _rounded(len(data)) + _BLOCK * max(entries, 1) - freed, entries)
            with beneath.folder_at(root, folders, make=True) as folder:
                beneath.write_file(folder, name, data)

    def listed(self, path: str, most: int) -> list[dict[str, Any]]:
        """Return what a folder holds, by name: files and folders with their sizes, and other things."""
        if not 1 <= most <= MOST_LISTED:
            raise fail(Code.INVALID_ARGUMENT, f"limit must be from 1 to {MOST_LISTED}")
        parts = _parts(path) if path else []
        with self._root(path) as root, beneath.folder_at(root, parts) as folder:
            found = [
                each for each in beneath.entries(folder) if not each.name.startswith(beneath.OWN)
            ]
        return [
            {"name": each.name, "kind": each.kind, "size": each.size if each.kind == "file" else 0}
            for each in sorted(found)[:most]
        ]

    def delete(self, path: str) -> bool:
        """Delete a file or an empty folder; return whether it was there."""
        *folders, name = _parts(path)
        with self._root(path) as root, _locked(root):
            try:
                with beneath.folder_at(root, folders) as folder:
                    return beneath.remove(folder, name)
            except FileNotFoundError:
                return False

    @contextmanager
    def _root(self, path: str) -> Generator[int]:
        """Open the tenant's folder, and say what goes wrong in it in a tenant's words."""
        try:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            root = os.open(self.folder, flags)
            try:
                yield root
            finally:
                os.close(root)
        except OSError as error:
            words = _WORDS.get(error.errno or 0)
            code = Code.UNHANDLED_EXCEPTION if words is None else Code.INVALID_ARGUMENT
            told = words or os.strerror(error.errno or 0)
            raise fail(code, f"the file {_shown(path)}: {told}") from None

    def _check_room(self, root: int, size: int, entries: int) -> None:
        """Count what there is; raise StageFailureError when more would be too much."""
        counted = _Count()
        counted.add(root)
        if counted.size + size > self.quota:
            message = f"the tenant's files would exceed {self.quota} bytes in all (files.quota_mib)"
            raise fail(Code.FILE_SIZE_LIMIT, message)
        if counted.entries + entries > MOST_ENTRIES:
            message = f"a tenant has at most {MOST_ENTRIES} files and folders"
            raise fail(Code.FILE_SIZE_LIMIT, message)


class _Count:
    """What a folder takes: bytes in whole blocks, one more for each entry; what nobody writes any more is removed."""

    def __init__(self) -> None:
        self.size = 0
        self.entries = 0

    def add(self, folder: int, depth: int = 0) -> None:
        for each in beneath.entries(folder):
            if each.name.startswith(beneath.OWN) and time.time() - each.modified > _STALE_SECONDS:
                beneath.remove(folder, each.name)
                continue
            self.entries += 1
            self.size += _BLOCK + (_rounded(each.size) if each.kind == "file" else 0)
            if self.entries > MOST_ENTRIES:
                return
            if each.kind == "folder" and depth < 2 * _DEEPEST:
                with beneath.folder_at(folder, [each.name]) as inner:
                    self.add(inner, depth + 1)


def _size_of(root: int, folders: list[str], name: str) -> int | None:
    """Return the size of what is at a path; ``None`` when nothing is."""
    try:
        with beneath.folder_at(root, folders) as folder:
            return beneath.size_of(folder, name)
    except FileNotFoundError:
        return None


def _missing(root: int, folders: list[str]) -> int:
    """Return how many of the folders, which lie in each other, are not there yet."""
    for count in range(len(folders), 0, -1):
        try:
            with beneath.folder_at(root, folders[:count]):
                return len(folders) - count
        except FileNotFoundError:
            continue
    return len(folders)


def _rounded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


@contextmanager
def _locked(root: int) -> Generator[None]:
    """Let one at a time change the files of a tenant, in all processes of the platform."""
    until = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(root, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > until:
                message = "the tenant's files are being changed by others; try again"
                raise fail(Code.TIMEOUT, message) from None
            time.sleep(0.01)
    try:
        yield
    finally:
        fcntl.flock(root, fcntl.LOCK_UN)


def _parts(path: str) -> list[str]:
    """Return the parts of a path; raise StageFailureError for one that could mean another place, or be taken for one."""
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or "." in parts or "" in parts:
        raise fail(Code.INVALID_ARGUMENT, f"{_shown(path)} is no path such as reports/2026.csv")
    if len(parts) > _DEEPEST or len(path) > 1024:
        message = f"a path has up to {_DEEPEST} parts and 1024 characters"
        raise fail(Code.INVALID_ARGUMENT, message)
    for part in parts:
        if not _PART.fullmatch(part) or len(part.encode()) > 255 or part.startswith(beneath.OWN):
            raise fail(Code.INVALID_ARGUMENT, f"{_shown(part)} cannot be the name of a file")
    return parts


def _shown(path: str) -> str:
    return ascii(path if len(path) <= 80 else path[:80] + "...")
