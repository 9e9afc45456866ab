"""A small disk, which can be filled."""

import ctypes
import os
import time
from pathlib import Path


def small_disk(folder: Path, megabytes: int) -> bool:
    """Mount a disk of so many MiB in memory on a folder; False for who may not."""
    libc = ctypes.CDLL(None, use_errno=True)
    folder.mkdir()
    done: int = libc.mount(b"soak", os.fsencode(folder), b"tmpfs", 0, f"size={megabytes}m".encode())
    return done == 0


def give_back(folder: Path) -> None:
    """Take the disk away, once nobody uses it."""
    libc = ctypes.CDLL(None, use_errno=True)
    end = time.monotonic() + 30
    while libc.umount2(os.fsencode(folder), 0) and time.monotonic() < end:
        time.sleep(0.2)
