"""An environment that has been built is made the platform's own, readable by all and writable by none."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from blockyard_sandbox.environments.errors import EnvironmentUnavailableError
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from pathlib import Path


def seal(folder: Path) -> int:
    """Take all below a folder from its builder, and return its size in bytes.

    The builder has ended: nothing changes meanwhile. Links are left as they are, since they lead anywhere only inside of a jail.
    Raises EnvironmentUnavailableError for what is neither a file, nor a folder, nor a link.
    """
    size = 0
    mine = os.geteuid(), os.getegid()
    for _, folders, names, place in os.fwalk(folder, topdown=False, follow_symlinks=False):
        for name in (*names, *folders):
            size += _take(name, place, mine)
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.chown(root, *mine)
        os.chmod(root, 0o555)  # noqa: S103  (every tenant reads it, none writes)
    finally:
        os.close(root)
    return size


def size_of(folder: Path) -> int:
    """Return the bytes on disk of all below a folder, while it may be changing; a file with several names counts once."""
    found: dict[tuple[int, int], int] = {}
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                facts = os.lstat(os.path.join(place, name))
                found[facts.st_dev, facts.st_ino] = facts.st_blocks * 512
    return sum(found.values())


def _take(name: str, place: int, mine: tuple[int, int]) -> int:
    facts = os.stat(name, dir_fd=place, follow_symlinks=False)
    if facts.st_uid != mine[0]:
        os.chown(name, *mine, dir_fd=place, follow_symlinks=False)
    if stat.S_ISLNK(facts.st_mode):
        return 0
    if not (stat.S_ISREG(facts.st_mode) or stat.S_ISDIR(facts.st_mode)):
        raise EnvironmentUnavailableError(
            Code.FORBIDDEN_PACKAGE,
            f"a package holds {name[:80]!r}, which is no file, folder or link",
        )
    runs = stat.S_ISDIR(facts.st_mode) or facts.st_mode & 0o111
    os.chmod(name, 0o555 if runs else 0o444, dir_fd=place)
    return facts.st_blocks * 512
