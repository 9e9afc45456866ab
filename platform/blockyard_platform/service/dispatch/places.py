"""Where a process is, so that another one on the same machine can tell at once that it has died."""

from __future__ import annotations

import os
from pathlib import Path


def own_place() -> str:
    """Return this process's machine, namespace of process ids, id and time of start; empty where /proc does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = Path("/proc/self/ns/pid").readlink()
        return f"{boot} {space} {os.getpid()} {_start_of(os.getpid())}"
    except OSError:
        return ""


def is_gone(place: str) -> bool:
    """Say whether a process is surely dead: it was on this machine, and is no more. False when that cannot be told."""
    here = own_place().split()
    there = place.split()
    if len(here) != 4 or len(there) != 4 or here[:2] != there[:2]:
        return False
    pid = int(there[2])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False  # It is another user's, and alive.
    try:
        return _start_of(pid) != there[3]
    except OSError:
        return False  # /proc may hide what belongs to others.


def _start_of(pid: int) -> str:
    """Return when a process began, in ticks since the machine did; ``dead`` for one that is not yet waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()
    return "dead" if fields[0] in "ZX" else fields[19]
