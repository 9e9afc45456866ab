"""Observers: the callbacks of a host, functions or coroutine functions, none of which can break a run."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Any

from blockyard_platform.results import Event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from blockyard_platform.results import LogLine, RunView, StageRecord

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
        self._tail: asyncio.Task[None] | None = None
        self.steps = on_step_update is not None or on_event is not None
        self.starts = on_event is not None

    async def stage_started(self, view: RunView, path: str) -> None:
        """Tell that a stage begins."""
        await self._call(self._on_event, view, Event("stage-started", path))

    async def stage_finished(self, view: RunView, record: StageRecord) -> None:
        """Tell how a stage ended."""
        await self._call(self._on_event, view, Event("stage-finished", record.path, record))
        await self._call(self._on_step, view, record)

    async def job_finished(self, view: RunView, job: str, failed: StageRecord | None) -> None:
        """Tell that a job ended, and which stage failed first."""
        await self._call(self._on_event, view, Event("job-finished", job, failed))
        await self._call(self._on_finish, view, failed)

    def logged(self, view: RunView, line: LogLine) -> None:
        """Tell of a line at once; what a coroutine function does with it is done in order, beside the run."""
        self._later(_started(self._on_log, line))
        if self._on_event is not None:
            event = Event("log", line.stage, None, line.text)
            self._later(_started(self._on_event, view, event))

    async def drain(self) -> None:
        """Wait for what is still on its way."""
        while self._tail is not None:
            tail, self._tail = self._tail, None
            await tail

    async def _call(self, callback: Callable[..., Any] | None, *arguments: Any) -> None:
        if callback is None:
            return
        if self._tail is not None:
            await self.drain()
        await _finished(_started(callback, *arguments))

    def _later(self, outcome: Any) -> None:
        if inspect.isawaitable(outcome):
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
