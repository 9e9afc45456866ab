"""A call of a guest under way, which of its limits it has passed, and what a guest has died of."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from blockyard_sandbox.answers import Answer, GuestFailure
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from blockyard_sandbox.jail.cgroups import Cgroup
    from blockyard_sandbox.limits import GuestLimits


class Call:
    """One call under way."""

    __slots__ = (
        "answer",
        "autopsy",
        "begun",
        "cpu_before",
        "limits",
        "number",
        "on_log",
        "printed",
    )

    def __init__(
        self,
        number: int,
        limits: GuestLimits,
        on_log: Callable[[str], None] | None,
        loop: asyncio.AbstractEventLoop,
        cpu: float,
    ) -> None:
        """Begin now; ``cpu`` is what the guest has used before."""
        self.number = number
        self.limits = limits
        self.on_log = on_log
        self.answer: asyncio.Future[Answer] = loop.create_future()
        self.autopsy: asyncio.Task[None] | None = None
        self.begun = loop.time()
        self.cpu_before = cpu
        self.printed = 0

    def fail(self, why: GuestFailure, used: float) -> None:
        """Answer with a failure, unless there is an answer."""
        if not self.answer.done():
            self.answer.set_result(Answer(None, why, used))

    def too_large(self, size: int) -> GuestFailure:
        """Say that an answer of so many bytes is larger than its limit."""
        most = self.limits.result_bytes
        return GuestFailure(
            Code.RESULT_LIMIT, f"an answer of {size} bytes, where {most} are allowed"
        )

    def too_much(self) -> GuestFailure:
        """Say that more was printed than its limit."""
        most = self.limits.output_bytes
        return GuestFailure(Code.OUTPUT_LIMIT, f"more than {most} bytes were printed; print less")

    def too_long(self, used: float, left: float) -> GuestFailure | None:
        """Return which limit is passed with so many CPU seconds used and so many seconds left, if one is."""
        limits = self.limits
        if used >= limits.cpu_seconds:
            words = f"more than {limits.cpu_seconds:g} CPU seconds were used"
            return GuestFailure(Code.CPU_LIMIT, words)
        if left <= 0:
            words = f"it took longer than {limits.wall_seconds:g} seconds"
            return GuestFailure(Code.TIMEOUT, words)
        return None


def cause_of(status: int | None, group: Cgroup | None) -> GuestFailure:
    """Return the cause of a guest's death, read from an exit status (negative: a signal) and the group's count of memory kills."""
    if status is None:
        return GuestFailure(Code.INTERRUPTED, "the sandbox's process ended during the call")
    if status >= 0:
        return GuestFailure(
            Code.UNHANDLED_EXCEPTION, f"the guest's process ended with {status} before it answered"
        )
    number = -status
    if number == signal.SIGKILL and group is not None and group.oom_kills() > 0:
        return GuestFailure(Code.MEMORY_LIMIT, "the memory limit was reached; use less at a time")
    known = {
        signal.SIGXCPU: (Code.CPU_LIMIT, "the CPU seconds of the run were spent"),
        signal.SIGXFSZ: (Code.FILE_SIZE_LIMIT, "a file grew past its limit"),
    }
    if number in known:
        return GuestFailure(*known[signal.Signals(number)])
    return GuestFailure(Code.KILLED_BY_SIGNAL, f"the guest's process was killed by {_name(number)}")


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
