"""Files of an index on disk, by sha256: only what has that hash is kept, so that it can be served without asking the index again."""

from __future__ import annotations

import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_PART = ".part-"
_STALE_SECONDS = 24 * 3600.0


class FileStore:
    """A folder of files named by their sha256. No jail may write to it: what lies there is trusted to be what its name says."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Make the folder, and remove what an ended process left unfinished. Raises OSError."""
        self._folder = folder
        self._max_bytes = max_bytes
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in folder.glob(f"{_PART}*"):
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - _STALE_SECONDS:
                    path.unlink()

    def open(self, sha256: str) -> BinaryIO | None:
        """Return the file of this hash, open for reading; ``None`` when it is not here."""
        path = self._folder / sha256
        try:
            file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
        except OSError:
            return None
        with suppress(OSError):
            _used(path)
        return file

    def begin(self) -> tuple[Path, BinaryIO]:
        """Return a new unfinished file, open for writing. Raises OSError."""
        path = self._folder / f"{_PART}{secrets.token_hex(12)}"
        return path, path.open("xb")

    def finish(self, path: Path, sha256: str) -> None:
        """Give an unfinished file, which has this hash, its name; then make room. Raises OSError."""
        with path.open("rb") as file:
            os.fsync(file)  # or a power cut could leave a wrong file under this name for good
        _used(path)
        path.replace(self._folder / sha256)
        self._make_room(sha256)

    def _make_room(self, newest: str) -> None:
        """Remove the files that were used longest ago, until the others fit; the newest stays."""
        held: list[tuple[float, int, str]] = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    told = entry.stat(follow_symlinks=False)
                    if re.fullmatch(r"[0-9a-f]{64}", entry.name):
                        held.append((told.st_mtime, told.st_size, entry.name))
        total = sum(size for _, size, _ in held)
        for _, size, name in sorted(held):
            if total <= self._max_bytes:
                break
            if name != newest:
                (self._folder / name).unlink(missing_ok=True)
                total -= size


def _used(path: Path) -> None:
    """Note that a file is used now: what was used last goes last when room is needed. The kernel's own time would stand still for up to 10 ms."""
    now = time.time_ns()
    os.utime(path, ns=(now, now))
