"""Observers: the callbacks of a host, functions or coroutine functions, none of which can break a run."""

from __future__ import annotations

import asyncio
import inspect
import logging
from time import time
from typing import TYPE_CHECKING, Any

from blockyard_platform.events import Event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from blockyard_platform.errors import StageFailureError
    from blockyard_platform.events import RunView
    from blockyard_platform.results import LogLine, RunResult, StageRecord
    from blockyard_platform.waits import Waiting
    from blockyard_schemas.statuses import Status

_log = logging.getLogger("blockyard.callbacks")


class Observers:
    """The callbacks of one run. ``steps`` and ``starts`` tell whether anyone wants to know."""

    def __init__(
        self,
        on_step_update: Callable[[RunView, StageRecord], Any] | None = None,
        on_job_finish: Callable[[RunView, StageRecord | None], Any] | None = None,
        on_log: Callable[[LogLine], Any] | None = None,
        on_event: Callable[[RunView, Event], Any] | None = None,
    ) -> None:
        """Keep the callbacks."""
        self._on_step = on_step_update
        self._on_finish = on_job_finish
        self._on_log = on_log
        self._on_event = on_event
        self._muted: Callable[[RunView, Event], Any] | None = None
        self._tail: asyncio.Task[None] | None = None
        self.steps = on_step_update is not None or on_event is not None
        self.starts = on_event is not None

    async def run_started(self, view: RunView, *, resumed: bool) -> None:
        """Tell that a run begins, or is taken up."""
        data = {"workflow": view.workflow, "resumed": resumed}
        await self._tell(view, "run-started", "", data=data)

    async def run_ended(self, view: RunView, result: RunResult) -> None:
        """Tell how a run ended, or that it parks; of one that is lost nothing is told."""
        if result.lost:
            return
        if result.parked:
            self._on_event = self._muted
            waits = [waiting.as_dict() for waiting in result.parked]
            await self._tell(view, "run-parked", "", data={"waits": waits})
            return
        problems = [problem.as_dict() for problem in result.problems]
        data = {"status": result.status.value, "outputs": dict(result.outputs)}
        await self._tell(view, "run-finished", "", data=data | {"problems": problems})

    async def stage_started(self, view: RunView, path: str) -> None:
        """Tell that a stage begins."""
        await self._tell(view, "stage-started", path)

    async def stage_retried(
        self, view: RunView, path: str, attempt: int, failure: StageFailureError, delay: float
    ) -> None:
        """Tell that an attempt failed, and in how many seconds there is another."""
        data = {"attempt": attempt, "code": int(failure.code), "message": failure.message}
        await self._tell(view, "stage-retried", path, data=data | {"delay": delay})

    async def stage_finished(
        self, view: RunView, record: StageRecord, block: str | None = None
    ) -> None:
        """Tell how a stage ended."""
        await self._tell(view, "stage-finished", record.path, record, block=block)
        await self._call(self._on_step, view, record)

    async def job_started(self, view: RunView, job: str) -> None:
        """Tell that a job begins, or a combination of its matrix."""
        await self._tell(view, "job-started", job)

    async def job_finished(
        self, view: RunView, job: str, failed: StageRecord | None, status: Status
    ) -> None:
        """Tell how a job ended, and which stage failed first."""
        await self._tell(view, "job-finished", job, failed, {"status": status.value})
        await self._call(self._on_finish, view, failed)

    def logged(self, view: RunView, line: LogLine) -> None:
        """Tell of a line at once; what a coroutine function does with it is done in order, beside the run."""
        self._later(_started(self._on_log, line))
        if self._on_event is not None:
            event = Event("log", line.stage, None, line.text, None, None, time())
            self._later(_started(self._on_event, view, event))

    async def approval_asked(self, view: RunView, waiting: Waiting) -> None:
        """Tell that an approval is waited for."""
        await self._tell(view, "approval-asked", waiting.path, data=waiting.as_dict())

    def mute(self) -> None:
        """Tell nothing more."""
        self._muted = self._on_event
        self._on_step = self._on_finish = self._on_log = self._on_event = None
        self.steps = self.starts = False

    async def drain(self) -> None:
        """Wait for what is still on its way."""
        while self._tail is not None:
            tail, self._tail = self._tail, None
            await tail

    async def _tell(
        self,
        view: RunView,
        kind: str,
        path: str,
        record: StageRecord | None = None,
        data: Mapping[str, Any] | None = None,
        block: str | None = None,
    ) -> None:
        if self._on_event is not None:
            event = Event(kind, path, record, None, block, data, time())
            await self._call(self._on_event, view, event)

    async def _call(self, callback: Callable[..., Any] | None, *arguments: Any) -> None:
        if callback is None:
            return
        if self._tail is not None:
            await self.drain()
        outcome = _started(callback, *arguments)
        if outcome is not None:
            await _finished(outcome)

    def _later(self, outcome: Any) -> None:
        if outcome is not None and inspect.isawaitable(outcome):
            self._tail = asyncio.ensure_future(_after(self._tail, outcome))


def _started(callback: Callable[..., Any] | None, *arguments: Any) -> Any:
    if callback is None:
        return None
    try:
        return callback(*arguments)
    except Exception:  # noqa: BLE001  (a callback cannot break a run)
        _log.exception("A callback of a run raised; the run goes on")
        return None


async def _finished(outcome: Any) -> None:
    if not inspect.isawaitable(outcome):
        return
    try:
        await outcome
    except Exception:  # noqa: BLE001  (a callback cannot break a run)
        _log.exception("A callback of a run raised; the run goes on")


async def _after(tail: asyncio.Task[None] | None, outcome: Awaitable[Any]) -> None:
    if tail is not None:
        await tail
    await _finished(outcome)
