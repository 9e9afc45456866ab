"""An environment that has been built is made the platform's own, readable by all and writable by none."""

from __future__ import annotations

import os
import stat
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from blockyard_sandbox.environments.errors import EnvironmentUnavailableError
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from pathlib import Path


def seal(folder: Path) -> int:
    """Take all below a folder from its builder, and return its size in bytes.

    The builder has ended: nothing changes meanwhile. Links are left as they are, since they lead anywhere only inside of a jail.
    Raises EnvironmentUnavailableError for what is neither a file, nor a folder, nor a link, and for what is nested beyond any path.
    """
    mine = os.geteuid(), os.getegid()
    size = _take(folder, mine)
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        try:
            found = list(place.iterdir())
        except OSError as error:
            raise _odd(f"folders that cannot be read ({error.strerror})") from None
        for each in found:
            size += _take(each, mine)
            if each.is_dir() and not each.is_symlink():
                waiting.append(each)
    return size


def size_of(folder: Path) -> int:
    """Return the bytes on disk of all below a folder, while it may be changing; a file with several names counts once.

    What cannot be read counts as nothing: it is refused when the folder is sealed.
    """
    found: dict[tuple[int, int], int] = {}
    waiting = [str(folder)]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    facts = entry.stat(follow_symlinks=False)
                    found[facts.st_dev, facts.st_ino] = facts.st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return sum(found.values())


def remove(folder: Path) -> None:
    """Remove a folder, whoever has made it read-only and however deep it goes.

    The programs of the system go on where a path has become too long for its name; the library's own function does not.
    """
    if not folder.exists():
        return
    for words in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
        subprocess.run(  # noqa: S603  (the system's own programs, whatever the platform's PATH is)
            [*words, "--", str(folder)], check=False, capture_output=True, env={"PATH": os.defpath}
        )
    if folder.exists():
        raise OSError(f"{folder} cannot be removed")


def _take(place: Path, mine: tuple[int, int]) -> int:
    facts = place.lstat()
    if facts.st_uid != mine[0]:
        os.chown(place, *mine, follow_symlinks=False)
    if stat.S_ISLNK(facts.st_mode):
        return 0
    if not (stat.S_ISREG(facts.st_mode) or stat.S_ISDIR(facts.st_mode)):
        raise _odd(f"{place.name[:80]!r}, which is no file, folder or link")
    runs = stat.S_ISDIR(facts.st_mode) or facts.st_mode & 0o111
    place.chmod(0o555 if runs else 0o444)
    return facts.st_blocks * 512


def _odd(what: str) -> EnvironmentUnavailableError:
    return EnvironmentUnavailableError(Code.FORBIDDEN_PACKAGE, f"a package holds {what}")
