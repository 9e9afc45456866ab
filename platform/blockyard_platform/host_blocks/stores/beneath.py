"""Files beneath one folder, by descriptor: no link is followed, whoever else may write there, and nothing leads out."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING, Final, NamedTuple

from blockyard_sandbox.jail import kernel

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

OWN: Final = ".blockyard-"
"""What the names of files begin with that are being written."""

_NO_LINKS: Final = (
    kernel.RESOLVE_BENEATH | kernel.RESOLVE_NO_SYMLINKS | kernel.RESOLVE_NO_MAGICLINKS
)
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY


class Entry(NamedTuple):
    """One thing in a folder: ``kind`` is file, folder or other."""

    name: str
    kind: str
    size: int
    modified: float


@contextmanager
def folder_at(root: int, parts: Sequence[str], *, make: bool = False) -> Generator[int]:
    """Yield a descriptor of a folder beneath another, made when it is missing if so asked. Raises OSError."""
    current = os.dup(root)
    try:
        for part in parts:
            if make:
                _make(current, part)
            inner = kernel.open_beneath(current, part, _FOLDER, _NO_LINKS)
            os.close(current)
            current = inner
        yield current
    finally:
        os.close(current)


def _make(folder: int, name: str) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=folder)
    except FileExistsError:
        return


def read_file(folder: int, name: str, most: int) -> bytes:
    """Return what a file holds, up to so many bytes. Raises OSError; ELOOP for a link of either kind."""
    # A pipe that nobody writes to must not hold up the platform.
    descriptor = kernel.open_beneath(folder, name, os.O_RDONLY | os.O_NONBLOCK, _NO_LINKS)
    try:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise OSError(errno.EISDIR, "is a folder")
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise OSError(errno.ELOOP, "is a link")
        with open(descriptor, "rb", closefd=False) as stream:
            return stream.read(most)
    finally:
        os.close(descriptor)


def write_file(folder: int, name: str, data: bytes) -> None:
    """Write a file whole or not at all; a file or a link that has the name already is replaced. Raises OSError."""
    temporary = f"{OWN}{token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o600, dir_fd=folder)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        remove(folder, temporary)
        raise
    os.fsync(folder)


def size_of(folder: int, name: str) -> int | None:
    """Return the size of what has a name, without following it; ``None`` when nothing has it. Raises OSError."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_size
    except FileNotFoundError:
        return None


def remove(folder: int, name: str) -> bool:
    """Remove a file, a link or an empty folder; return whether it was there. Raises OSError."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            os.rmdir(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def entries(folder: int) -> Iterator[Entry]:
    """Yield what a folder holds, in no order, also what is being written. Raises OSError."""
    with os.scandir(folder) as found:
        for each in found:
            try:
                known = each.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder"}
            kind = kinds.get(stat.S_IFMT(known.st_mode), "other")
            yield Entry(each.name, kind, known.st_size, known.st_mtime)
