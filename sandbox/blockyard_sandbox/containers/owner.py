"""Who owns a container: this very process, told apart from every other on this machine, also after a restart."""

from __future__ import annotations

import functools
import os
from pathlib import Path

OWNER = "blockyard.owner"
"""The label that names the owner."""

HOLDER = "blockyard.holder"
"""The label that tells which of the owner's connections to the engine looks after a container."""

VERSION = "1"
"""The form of the labels."""

PREFIX = "blockyard-"
"""Begins the name of each container, and of each folder of its volumes."""


def this_owner() -> str:
    """Return the owner that this process is: boot, pid namespace, pid and the moment at which it began."""
    return _owner(os.getpid())


@functools.lru_cache(maxsize=4)
def _owner(pid: int) -> str:
    return f"{_boot()}/{_namespace()}/{pid}/{_began(pid)}"


def is_dead(owner: str) -> bool:
    """Whether an owner is known to be gone. One of another pid namespace may be alive, and is left alone."""
    boot, _, rest = owner.partition("/")
    namespace, _, rest = rest.partition("/")
    pid, _, began = rest.partition("/")
    if not (boot and namespace.isdecimal() and pid.isdecimal() and began.isdecimal()):
        return False
    if boot != _boot():
        return True
    return namespace == _namespace() and _began(int(pid)) != began


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _namespace() -> str:
    return str(os.stat("/proc/self/ns/pid").st_ino)


def _began(pid: int) -> str:
    """Return when a process began, in ticks since the machine did; empty when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]
