"""Files that only their owner may read: whoever else may is told of, before anything of them is used."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from blockyard_platform.secrets.errors import PrivateFileError


def read_private(place: Path, most: int, advice: str) -> bytes:
    """Return what a file holds: of one that is too long, one byte more than ``most``. ``advice`` is for when others may have read it.

    Raises PrivateFileError, also when others than the owner may use the file.
    """
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for ever.
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        message = f"{place}: cannot be read: {error.strerror}"
        raise PrivateFileError(message, missing=missing) from None
    try:
        # What was opened is looked at, not the path: a path may be another file by then.
        _check_access(place, os.fstat(descriptor), advice)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(most + 1)
    finally:
        os.close(descriptor)


def _check_access(place: Path, found: os.stat_result, advice: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise PrivateFileError(f"{place}: is not a file")
    if found.st_uid not in (0, os.geteuid()):
        raise PrivateFileError(
            f"{place}: belongs to another user",
            "give the file to the user that the platform runs as",
        )
    if found.st_mode & 0o077:
        raise PrivateFileError(
            f"{place}: others may use it (mode {stat.S_IMODE(found.st_mode):04o})",
            f"chmod 600 {place}, and {advice} if others may have read it",
        )
