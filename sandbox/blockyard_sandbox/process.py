"""A guest's process as its host sees it: its id, its CPU clock, its control group, its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import time
from typing import TYPE_CHECKING

from blockyard_sandbox.answers import GuestFailure
from blockyard_sandbox.calls import cause_of
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_sandbox.jail.cgroups import Cgroup, CgroupPool


_DYING = 0.2
"""Seconds for which a process that has closed its socket is left to die by itself."""


class Process:
    """A process that is about to be born; it is known once :meth:`watch` has its descriptor."""

    __slots__ = ("_clock", "_gone", "_group", "_groups", "_pidfd", "pid")

    def __init__(
        self, gone: asyncio.Future[int | None], group: Cgroup | None, groups: CgroupPool
    ) -> None:
        """Hold what will tell of its end, and the control group that is given back to ``groups`` then."""
        self._gone = gone
        self._group, self._groups = group, groups
        self._pidfd: int | None = None
        self._clock = 0
        self.pid = 0

    def watch(self, pidfd: int) -> None:
        """Take its descriptor, and find its CPU clock."""
        self._pidfd = pidfd
        with open(f"/proc/self/fdinfo/{pidfd}", "rb") as stream:
            fields = dict(line.split(b":", 1) for line in stream.read().splitlines())
        self.pid = int(fields[b"Pid"])
        self._clock = (
            ~self.pid << 3
        ) | 2  # MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED) of the kernel

    def cpu(self) -> float:
        """Return the CPU seconds that it has used; -1.0 when it has gone."""
        try:
            return time.clock_gettime(self._clock)
        except OSError:
            return -1.0

    @property
    def out_of_memory(self) -> bool:
        """Whether the kernel killed something in it for want of memory; always False without control groups."""
        return self._group is not None and self._group.oom_kills() > 0

    def kill(self) -> None:
        """End it now, if it has been born."""
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    async def cause(self) -> GuestFailure:
        """Say what it died of; one that only closed its socket is killed now."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._gone), _DYING)
        killed = not self._gone.done() and not self._has_ended()
        if killed:
            self.kill()
        status = await asyncio.shield(self._gone)
        # One that was dying already, however slowly, ends with a status of its own.
        if killed and status == -signal.SIGKILL and not self.out_of_memory:
            return GuestFailure(Code.UNHANDLED_EXCEPTION, "the guest hung up before it answered")
        return cause_of(status, self._group)

    def _has_ended(self) -> bool:
        """Whether it is dead, whoever has been told; see pidfd_open(2)."""
        poll = select.poll()
        if self._pidfd is not None:
            poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(0))

    async def release(self) -> None:
        """Wait until it is gone, and give its descriptor and its control group back."""
        if self._pidfd is not None:
            await asyncio.shield(self._gone)
            os.close(self._pidfd)
            self._pidfd = None
        if self._group is not None:
            self._groups.release(self._group)
            self._group = None
