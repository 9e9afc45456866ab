"""Whether a container was killed for want of memory.

An engine learns of it from a control group that is taken away when the container has ended: where that is quicker, it never does.
The kernel's own count of such kills tells it then. It is that of the whole machine, and any container can read it.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

KILLED = 137
"""What an engine tells of a container that was killed."""


class Kills:
    """The kills for want of memory on this machine since this was made, which is just before the container is started."""

    def __init__(self) -> None:
        """Begin to count."""
        self._before = _count()

    def starved(self, state: dict[str, Any]) -> bool:
        """Return whether a container that ended in a state, as the engine tells it, did so for want of memory."""
        code = int(state["ExitCode"])
        if state.get("OOMKilled"):
            return code != 0
        return code == KILLED and _count() > self._before


def _count() -> int:
    """Return the kills since the machine started, ``oom_kill`` of /proc/vmstat; 0 where the kernel does not tell."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            name, _, number = line.partition(" ")
            if name == "oom_kill":
                return int(number)
    return 0
