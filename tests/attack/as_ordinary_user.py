"""Run a command as an ordinary user, who can reach the interpreter and the tests whatever lies above them.

``python as_ordinary_user.py FOLDER,FOLDER COMMAND...`` is started by root. In a mount namespace of its own, whatever is closed
to others above the folders is covered by empty folders in which the folders stand again; nothing of the host changes.
"""

import os
import sys
from pathlib import Path

from blockyard_sandbox.jail import kernel

NOBODY = 65534


def main(folders: list[str], command: list[str]) -> None:
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    places = {str(Path(folder).resolve()): "" for folder in folders}
    held = {place: kernel.open_tree(place) for place in places if closed_above(place)}
    for closed in sorted({closed_above(place) for place in held} - {""}):
        kernel.mount("cover", closed, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755")
    for place, tree in held.items():
        Path(place).mkdir(parents=True, exist_ok=True)
        kernel.move_mount(tree, place)
        os.close(tree)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    os.execv(command[0], command)  # noqa: S606  (that is what it is for)


def closed_above(place: str) -> str:
    """Return the highest folder above a place that others may not pass, or nothing."""
    for folder in reversed(Path(place).parents):
        if not folder.stat().st_mode & 0o001:
            return str(folder)
    return ""


if __name__ == "__main__":
    main(sys.argv[1].split(","), sys.argv[2:])
