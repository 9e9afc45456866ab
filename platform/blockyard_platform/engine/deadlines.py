"""Timeouts that count from when what they enclose began first, also when the run was parked or resumed meanwhile.

The journal is told of them when a wait begins inside, and only then: what holds no wait is timed as long as it is at work.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from blockyard_platform.engine.run import Run

MARK = "@"
"""What the journal's key of a timeout ends with, behind the node path; no node path does."""


@dataclass(slots=True)
class Deadline:
    """One timeout: its key in the journal, its beginning and end in seconds since the epoch, and the one around it.

    ``noted`` tells whether the journal has it, ``passed`` that it had passed when the run was taken up.
    """

    key: str
    begun: float
    due: float
    outer: Deadline | None
    noted: bool
    passed: bool


_INNERMOST: ContextVar[Deadline | None] = ContextVar("blockyard_deadline", default=None)


def enclosing() -> Iterator[Deadline]:
    """Yield the timeouts around the calling task, from the inside out."""
    deadline = _INNERMOST.get()
    while deadline is not None:
        yield deadline
        deadline = deadline.outer


def earliest() -> float | None:
    """Return when the first of the timeouts around the calling task ends."""
    return min((each.due for each in enclosing()), default=None)


def overdue() -> bool:
    """Whether one of them had passed when the run was taken up: its cancellation is on the way, and nothing is to be begun."""
    return any(each.passed for each in enclosing())


def begin(run: Run, path: str, seconds: float, outer: Deadline | None) -> tuple[Deadline, float]:
    """Return a timeout, begun now or by earlier work on the run, and the seconds that are left."""
    now, key = time(), path + MARK
    before = run.begun_at(key)
    # One that lies ahead was noted by a clock that was put right since: it begins anew.
    known = before is not None and before <= now
    begun = before if known and before is not None else now
    left = begun + seconds - now
    return Deadline(key, begun, begun + seconds, outer, known, known and left <= 0), left


def outermost(deadline: Deadline | None) -> None:
    """Begin with the timeout of a whole run, or none, whatever encloses the calling task otherwise."""
    _INNERMOST.set(deadline)


class Within:
    """An asynchronous context that raises TimeoutError when it is left after its seconds; ``None`` is without end."""

    __slots__ = ("_deadline", "_timeout", "_token")

    def __init__(self, run: Run, path: str, seconds: float | None) -> None:
        """Find out when it began."""
        self._deadline: Deadline | None = None
        self._token: Any = None
        left = None
        if seconds is not None:
            self._deadline, left = begin(run, path, seconds, _INNERMOST.get())
        self._timeout = asyncio.timeout(None if left is None else max(0.0, left))

    async def __aenter__(self) -> None:
        """Begin."""
        if self._deadline is not None:
            self._token = _INNERMOST.set(self._deadline)
        await self._timeout.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End; raise TimeoutError when the time was over."""
        if self._token is not None:
            _INNERMOST.reset(self._token)
        await self._timeout.__aexit__(kind, error, trace)
