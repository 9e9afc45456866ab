"""The root made from nothing: an empty file system in memory, the listed folders in it, all of it read-only."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from blockyard_sandbox.jail import kernel
from blockyard_sandbox.spec import Bind

ZONES = "/zoneinfo"
"""Where the time zones' data lie inside."""

SCRATCH = "/scratch"
"""Where a guest with scratch space has it; an empty folder otherwise."""

_BUILD = "/tmp"  # noqa: S108  (covered by a mount of our own, in a mount namespace of our own)


def take(binds: Iterable[Bind]) -> list[tuple[Bind, int]]:
    """Take hold of the folders to show, while they can still be reached."""
    return [(bind, kernel.open_tree(bind.source)) for bind in binds]


def build(taken: Iterable[tuple[Bind, int]], links: Iterable[tuple[str, str]] = ()) -> None:
    """Make the root, enter it, and let go of the old one."""
    kernel.mount(
        "blockyard", _BUILD, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755,size=1m"
    )
    Path(_BUILD + SCRATCH).mkdir(mode=0o755)
    for path, target in links:
        link = Path(_BUILD + path)
        link.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        link.symlink_to(target)
    for bind, tree in taken:
        _show(bind, tree)
    os.chdir(_BUILD)
    kernel.syscall("pivot_root", b".", b".")
    kernel.unmount(".")
    os.chdir("/")
    kernel.mount(None, "/", None, 32 | 4096 | kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV)


def _show(bind: Bind, tree: int) -> None:
    target = Path(_BUILD + bind.target)
    if bind.kind in ("folder", "store"):
        target.mkdir(mode=0o755, parents=True, exist_ok=True)
    else:
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        target.touch()
    kernel.move_mount(tree, str(target))
    os.close(tree)
    closed = 0 if bind.execute else kernel.ATTR_NOEXEC
    closed |= 0 if bind.kind == "device" else kernel.ATTR_NODEV
    closed |= 0 if bind.writable else kernel.ATTR_RDONLY
    kernel.restrict_mount(str(target), kernel.ATTR_NOSUID | closed)


def scratch(size: int, stores: Iterable[str], shown: Mapping[str, str]) -> None:
    """Give this process, in a mount namespace of its own, a private folder of so many bytes, and what it sees of the stores."""
    kernel.unshare(kernel.CLONE_NEWNS)
    for store in stores:
        if store in shown:
            kernel.mount(f"{store}/{shown[store]}", store, None, kernel.MS_BIND)
        else:
            kernel.mount("empty", store, "tmpfs", kernel.MS_RDONLY, "mode=755,size=4k,nr_inodes=2")
    options = f"mode=777,size={size},nr_inodes={max(64, size // 1024)}"
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    kernel.mount("scratch", SCRATCH, "tmpfs", flags, options)
    os.chdir(SCRATCH)
