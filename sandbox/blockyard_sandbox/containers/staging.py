"""Volumes bound by descriptor: each folder is mounted where only root can reach, and the engine is given that place.

An engine takes paths, and looks them up when the container starts. Whatever a tenant swaps meanwhile in the real path, the mount
made from the open descriptor stays what was checked. Without root the path itself is given, when nobody else can change it.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from blockyard_sandbox.containers.errors import ContainerError
from blockyard_sandbox.containers.owner import PREFIX, is_dead, this_owner
from blockyard_sandbox.containers.sources import opened, refuse, trusted
from blockyard_sandbox.jail import kernel
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from blockyard_sandbox.containers.spec import ContainerSpec, Volume

STAGE = Path("/run/blockyard-volumes")
"""Where the folders of containers are bound, one folder a container."""

_OWNER = "owner"


@contextmanager
def staged(
    spec: ContainerSpec, name: str, own: Sequence[str], engine_pid: int | None
) -> Generator[list[tuple[str, str, bool]]]:
    """Yield (source, target, writable) for each volume, ready to be bound; what was mounted is taken away at the end.

    Raises ContainerError (FORBIDDEN_VOLUME) for a source that is not what an admin may mean.
    """
    user, _, group = spec.user.partition(":")
    owner = int(user), int(group)
    with ExitStack() as stack:
        stack.callback(unstage, name)
        yield [
            (
                _place(
                    volume, index, name, stack.enter_context(opened(volume, own, owner)), engine_pid
                ),
                volume.target,
                volume.writable,
            )
            for index, volume in enumerate(spec.volumes)
        ]


def _place(volume: Volume, index: int, name: str, folder: int, engine_pid: int | None) -> str:
    if os.geteuid() != 0:
        path = os.readlink(f"/proc/self/fd/{folder}")
        if not trusted(path):
            raise refuse(
                f"the volume at {volume.target}: others than root could swap its folder, and the platform is not root"
            )
        return path
    return _bound(volume, STAGE / name / str(index), folder, engine_pid)


def _bound(volume: Volume, place: Path, folder: int, engine_pid: int | None) -> str:
    flags = kernel.ATTR_NOSUID | kernel.ATTR_NODEV
    try:
        STAGE.mkdir(mode=0o700, exist_ok=True)
        place.mkdir(parents=True)
        (place.parent / _OWNER).write_text(this_owner())
        kernel.mount(f"/proc/self/fd/{folder}", str(place), None, kernel.MS_BIND)
        kernel.restrict_mount(str(place), flags | (0 if volume.writable else kernel.ATTR_RDONLY))
    except OSError as error:
        raise ContainerError(
            Code.SANDBOX_UNAVAILABLE,
            f"the volume at {volume.target} cannot be bound: {error.strerror or error}",
            final=True,
        ) from error
    if engine_pid is not None and not _seen_by(engine_pid, place, folder):
        raise refuse(
            f"the volume at {volume.target}: the engine does not see the platform's mounts;"
            " run both in one mount namespace"
        )
    return str(place)


def _seen_by(pid: int, place: Path, folder: int) -> bool:
    with suppress(OSError):
        there, here = os.stat(f"/proc/{pid}/root{place}"), os.fstat(folder)
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
    return False


def unstage(name: str) -> None:
    """Take the mounts of a container away."""
    folder = STAGE / name
    if not name.startswith(PREFIX) or "/" in name or not folder.is_dir():
        return
    with suppress(FileNotFoundError):  # another worker may be at it as well
        for place in sorted(
            folder.iterdir()
        ):  # the owner comes last, who tells what is left if this is ended
            if place.name == _OWNER:
                place.unlink()
                continue
            with suppress(OSError):
                kernel.unmount(str(place))
            with suppress(OSError):
                place.rmdir()
    with suppress(OSError):
        folder.rmdir()


def left_behind() -> list[str]:
    """Return the names of the containers of dead workers whose volumes are still bound."""
    folders = sorted(STAGE.iterdir()) if STAGE.is_dir() else []
    return [folder.name for folder in folders if is_dead(_owner_of(folder))]


def _owner_of(folder: Path) -> str:
    try:
        return (folder / _OWNER).read_text()
    except OSError:
        return ""
