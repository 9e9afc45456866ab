"""The folders of the host that volumes show: opened without following a link, and refused where they lead too far."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from blockyard_sandbox.containers.errors import ContainerError
from blockyard_sandbox.jail import kernel
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from blockyard_sandbox.containers.spec import Volume

_SYSTEM = ("/proc", "/sys", "/dev", "/run", "/var/run", "/boot", "/etc", "/root", "/var/lib/docker")
"""Folders of the machine that no volume may show, be, or hold."""

_KINDS = frozenset(
    [
        "ext2",
        "ext3",
        "ext4",
        "xfs",
        "btrfs",
        "f2fs",
        "zfs",
        "bcachefs",
        "overlay",
        "tmpfs",
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "ceph",
        "9p",
        "virtiofs",
        "vfat",
        "exfat",
    ]
)
"""Kinds of file systems that hold files of people, and no doors into the kernel."""

_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
_NO_LINKS = kernel.RESOLVE_NO_SYMLINKS | kernel.RESOLVE_NO_MAGICLINKS


def refuse(message: str) -> ContainerError:
    """Return the error FORBIDDEN_VOLUME."""
    return ContainerError(Code.FORBIDDEN_VOLUME, f"{message} (FORBIDDEN_VOLUME 131)")


def forbidden_source(source: str, own: Sequence[str] = ()) -> str | None:
    """Return why a path may not be the source of a volume, or ``None``; ``own`` are the platform's and the engine's folders."""
    path = PurePosixPath(source)
    if not source.startswith("/") or ".." in path.parts or "\0" in source:
        return "the source of a volume is an absolute path without '..'"
    for each in (*_SYSTEM, *own):
        other = PurePosixPath(each)
        if path == other or path.is_relative_to(other) or other.is_relative_to(path):
            return f"a volume may not be, hold, or lie in {each}"
    return None


@contextmanager
def opened(volume: Volume, own: Sequence[str], owner: tuple[int, int]) -> Generator[int]:
    """Yield a descriptor of the folder that a volume shows. Raises ContainerError (FORBIDDEN_VOLUME).

    ``owner`` gets the folder of a tenant that is made here.
    """
    why = forbidden_source(volume.source, own)
    if why is not None:
        raise refuse(f"the volume at {volume.target}: {why}")
    root = _open(kernel.AT_FDCWD, volume.source, _NO_LINKS, volume)
    try:
        folder = root if volume.inside is None else _inside(root, volume.inside, volume, owner)
        try:
            _check_kind(folder, volume)
            yield folder
        finally:
            if folder != root:
                os.close(folder)
    finally:
        os.close(root)


def _inside(root: int, name: str, volume: Volume, owner: tuple[int, int]) -> int:
    """Return a descriptor of a tenant's folder, made when it is missing."""
    if "/" in name or name in ("", ".", ".."):
        raise refuse(f"the volume at {volume.target}: {name[:60]!r} cannot be the name of a folder")
    try:
        os.mkdir(name, 0o700, dir_fd=root)
        made = True
    except FileExistsError:
        made = False
    except OSError as error:
        raise refuse(f"the volume at {volume.target}: {error.strerror}") from None
    folder = _open(root, name, _NO_LINKS | kernel.RESOLVE_BENEATH, volume)
    if made and os.geteuid() == 0:
        os.chown(f"/proc/self/fd/{folder}", *owner)
    return folder


def _open(folder: int, path: str, resolve: int, volume: Volume) -> int:
    try:
        return kernel.open_beneath(folder, path, _FLAGS, resolve)
    except OSError as error:
        raise refuse(
            f"the volume at {volume.target} cannot be opened: {os.strerror(error.errno or 0)};"
            " its source must be a folder, and no part of its path a link"
        ) from None


def _check_kind(folder: int, volume: Volume) -> None:
    kind = _kind(folder)
    if kind not in _KINDS and not kind.startswith("fuse."):
        raise refuse(f"the volume at {volume.target} is on a file system of the kind '{kind}'")


def _kind(folder: int) -> str:
    """Return the kind of the file system that a descriptor is on, as the kernel tells it."""
    lines = Path(f"/proc/self/fdinfo/{folder}").read_text().splitlines()
    number = next(line.split()[1] for line in lines if line.startswith("mnt_id:"))
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if line.split(" ", 1)[0] == number:
            return line.partition(" - ")[2].split()[0]
    return "unknown"


def trusted(path: str) -> bool:
    """Whether nobody but root and this user can change what a path leads to: looked at from the root down."""
    users = (0, os.geteuid())
    for part in (*reversed(PurePosixPath(path).parents), PurePosixPath(path)):
        status = os.lstat(part)
        loose = status.st_mode & 0o022 and not status.st_mode & 0o1000
        if status.st_uid not in users or (loose and str(part) != path):
            return False
    return True
