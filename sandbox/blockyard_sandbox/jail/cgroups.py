"""Control groups: memory and processes counted for a guest as a whole, where the hierarchy is writable (v1 and v2).

The platform makes a group and opens its list of processes; the guest writes itself into it through that descriptor.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from blockyard_sandbox.limits import GuestLimits

_ROOT = Path("/sys/fs/cgroup")
_PREFIX = "blockyard-"
_SLACK = 32 * 1024 * 1024
"""Page tables and copied pages of the warm interpreter, on top of what the guest may use itself."""


@dataclass(slots=True)
class Cgroup:
    """One group: its folders (one with v2, two with v1) and the descriptors of their lists of processes."""

    folders: tuple[Path, ...]
    entries: tuple[int, ...]
    killed_before: int = 0

    @property
    def name(self) -> str:
        """The group's name, which no other has."""
        return self.folders[0].name

    def oom_kills(self) -> int:
        """Return how often the kernel killed here for want of memory since the group was taken."""
        return _killed(self.folders) - self.killed_before


def _mark() -> str:
    """Return what tells the groups of one pool, or one trial, from those of all others that this process has made."""
    return os.urandom(6).hex()


@dataclass(slots=True)
class CgroupPool:
    """Groups below this process's own, made when needed and used again. Without a writable hierarchy it gives ``None``."""

    bases: tuple[Path, ...] = ()
    _mark: str = field(default_factory=_mark)
    _idle: list[Cgroup] = field(default_factory=list[Cgroup])
    _all: list[Cgroup] = field(default_factory=list[Cgroup])
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def acquire(self, limits: GuestLimits) -> Cgroup | None:
        """Return an empty group with these limits, or ``None`` where there are no groups."""
        if not self.bases:
            return None
        for group in reversed(self._idle):
            # What its last guest had in memory may be given back a moment after the guest: until then it takes no lower limit.
            with contextlib.suppress(OSError):
                self.limit(group, limits)
                self._idle.remove(group)
                return group
        group = self._make()
        self.limit(group, limits)
        return group

    def limit(self, group: Cgroup, limits: GuestLimits) -> None:
        """Give a group other limits, and count what is killed in it from now on."""
        for folder in group.folders:
            _limit(folder, limits)
        group.killed_before = _killed(group.folders)

    def release(self, group: Cgroup) -> None:
        """Take back a group whose guest has ended."""
        self._idle.append(group)

    def close(self) -> bool:
        """Remove all groups; return whether none is left: one in which a process is still dying waits for the next call."""
        self._idle.clear()
        self._all = [group for group in self._all if not _remove(group)]
        return not self._all

    def _make(self) -> Cgroup:
        number = next(self._numbers)
        if number == 0:
            _sweep(self.bases)
        name = f"{_PREFIX}{owner()}-{self._mark}-{number}"
        folders = tuple(base / name for base in self.bases)
        for folder in folders:
            folder.mkdir()
        entries = tuple(
            os.open(folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for folder in folders
        )
        group = Cgroup(folders, entries)
        self._all.append(group)
        return group


def _remove(group: Cgroup) -> bool:
    """Remove a group's folders; return whether they are gone."""
    for entry in group.entries:
        os.close(entry)
    group.entries = ()
    for folder in group.folders:
        with contextlib.suppress(OSError):
            folder.rmdir()
    return not any(folder.exists() for folder in group.folders)


def find() -> CgroupPool:
    """Return a pool below this process's own groups; an empty one where nothing can be made there."""
    with contextlib.suppress(OSError):
        own = dict(_own())
        if "" in own:
            unified = _ROOT / own[""].lstrip("/")
            for base in (unified, unified.parent):
                if base.is_relative_to(_ROOT) and _works((base,), "memory.max", "pids.max"):
                    return CgroupPool((base,))
        if {"memory", "pids"} <= own.keys():
            bases = tuple(_ROOT / name / own[name].lstrip("/") for name in ("memory", "pids"))
            if _works(bases[:1], "memory.limit_in_bytes") and _works(bases[1:], "pids.max"):
                return CgroupPool(bases)
    return CgroupPool()


def owner(pid: int | None = None) -> str:
    """Return the name of a process (this one's by default) that no other ever has: namespace, number, time of its start.

    Numbers of processes are given again, and every namespace has its own.
    """
    return f"{_namespace()}-{pid or os.getpid()}-{_started(pid or os.getpid())}"


def _namespace() -> int:
    return os.stat("/proc/self/ns/pid").st_ino


def _started(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def _sweep(bases: tuple[Path, ...]) -> None:
    """Remove the groups of platforms that were killed; those of living ones and of other namespaces stay."""
    beginning = f"{_PREFIX}{_namespace()}-"
    for base in bases:
        for name in os.listdir(base):
            if name.startswith(beginning) and not _is_alive(*name.split("-")[2:4]):
                with contextlib.suppress(OSError):
                    (base / name).rmdir()


def _is_alive(pid: str, started: str) -> bool:
    try:
        return _started(int(pid)) == started
    except (FileNotFoundError, ProcessLookupError):  # the second when it ends while it is looked at
        return False


def _own() -> Iterator[tuple[str, str]]:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            yield name, path


def _works(bases: tuple[Path, ...], *files: str) -> bool:
    """Try it: make a group, see whether it has the files, remove it."""
    for base in bases:
        trial = base / f"{_PREFIX}{owner()}-{_mark()}"
        try:
            trial.mkdir()
        except OSError:
            return False
        try:
            if not all(os.access(trial / name, os.W_OK) for name in files):
                return False
        finally:
            trial.rmdir()
    return True


def _limit(folder: Path, limits: GuestLimits) -> None:
    memory = str(limits.memory_bytes + limits.scratch_bytes + _SLACK)
    wanted = {
        "memory.max": memory,
        "memory.limit_in_bytes": memory,
        "pids.max": str(limits.processes),
    }
    for name, value in wanted.items():
        file = folder / name
        if file.exists() and file.read_text().strip() != value:
            file.write_text(value)


def _killed(folders: tuple[Path, ...]) -> int:
    for folder in folders:
        for name in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(FileNotFoundError):
                words = (folder / name).read_text().split()
                if "oom_kill" in words:
                    return int(words[words.index("oom_kill") + 1])
    return 0
