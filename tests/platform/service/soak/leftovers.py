"""What must not be there when the service has ended: processes, control groups, mounts, files."""

import os
import time
from pathlib import Path

from .processes import Fleet

_GROUPS = Path("/sys/fs/cgroup")
_PATIENCE_SECONDS = 60.0
"""How long what is ended by the end of another process, as guests are, may take."""


def left_over(before: set[int], mounts: set[str], fleet: Fleet, temporary: Path) -> list[str]:
    """Return what the service has left, in words, once it has had the time to go; ``before`` and ``mounts`` were there before it began."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while (found := _left_now(before, mounts, fleet, temporary)) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def _left_now(before: set[int], mounts: set[str], fleet: Fleet, temporary: Path) -> list[str]:
    mine = {pid: words for pid, words in _descendants().items() if pid not in before}
    mine = {pid: words for pid, words in mine.items() if "postgres" not in words.split(" ")[0]}
    found = [f"process {pid} is left: {words}" for pid, words in sorted(mine.items())]
    # Others may work on this machine: what is ours lies in the folder of the soak.
    own = [it for it in mounted() - mounts if str(temporary.parent) in it]
    found += [f"a mount is left: {it}" for it in sorted(own)]
    found += [f"a file is left: {it}" for it in sorted(temporary.rglob("*"))]
    pids = {str(pid) for member in fleet.members for pid in member.pids}
    names = [it.split("-") for it in _groups()]
    owned = ["-".join(it) for it in names if len(it) > 3 and it[2] in pids]
    return found + [f"a control group is left: {it}" for it in sorted(set(owned))]


def mounted() -> set[str]:
    """Return what is mounted where."""
    return {
        " ".join(line.split()[:3]) for line in Path("/proc/self/mounts").read_text().splitlines()
    }


def _groups() -> list[str]:
    found: list[str] = []
    for folder, names, _ in os.walk(_GROUPS):
        found += [it for it in names if it.startswith("blockyard-")]
        names[:] = [it for it in names if not it.startswith("blockyard-")]
        if folder.count("/") > 8:
            names.clear()
    return found


def descendants() -> set[int]:
    """Return the processes below this one."""
    return set(_descendants())


def _descendants() -> dict[int, str]:
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if stat[0] != "Z":
                parents[int(folder.name)] = int(stat[1])
    found: dict[int, str] = {}
    for pid in parents:
        above = pid
        while (above := parents.get(above, 0)) > 1 and above != os.getpid():
            pass
        if above == os.getpid():
            found[pid] = _words(pid)
    return found


def _words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()[:200]
    except OSError:
        return "(gone)"
