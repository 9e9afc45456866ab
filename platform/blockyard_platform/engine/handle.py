"""A run that has begun: wait for it, or stop it."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

from blockyard_platform.results import RunResult
from blockyard_schemas.problems import InvalidDocumentError, Problem
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from blockyard_platform.engine.house import House
    from blockyard_platform.engine.journal import Journal
    from blockyard_platform.engine.observers import Observers
    from blockyard_platform.engine.run import Run
    from blockyard_platform.loading import Document
    from blockyard_platform.plan import Plan


class RunHandle:
    """One run in a task of its own, from reading the document to the result."""

    def __init__(
        self,
        house: House,
        document: Document,
        params: dict[str, Any],
        texts: dict[str, str],
        observers: Observers,
        journal: Journal | None = None,
    ) -> None:
        """Begin; an event loop must be running."""
        self.run_id = str(uuid.uuid4())
        self._house = house
        self._observers = observers
        self._journal = journal
        self._run: Run | None = None
        self._cancelled = False
        self._task = asyncio.ensure_future(self._serve(document, params, texts))

    def cancel(self) -> None:
        """Stop what runs, at once; the result then has the status CANCEL."""
        self._cancelled = True
        if self._run is not None:
            self._run.stop(self._task, Code.KILLED_MANUALLY, "the run was cancelled")
        else:
            self._task.cancel()

    async def result(self) -> RunResult:
        """Wait for the end. When the waiting task is cancelled, so is the run."""
        try:
            return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            if self._cancelled and self._task.cancelled():
                return RunResult(None, None, Status.CANCEL)
            self.cancel()
            await asyncio.wait([self._task])
            raise

    async def _serve(
        self, document: Document, params: dict[str, Any], texts: dict[str, str]
    ) -> RunResult:
        plan, values, problems = await self._admit(document, params, texts)
        if plan is None or problems:
            name = None if plan is None else plan.name
            return RunResult(None, name, Status.FAILED, problems=problems)
        if plan.needs_guest:
            self._house.warm()
        return await self._execute(plan, values)

    async def _admit(
        self, document: Document, params: dict[str, Any], texts: dict[str, str]
    ) -> tuple[Plan | None, dict[str, Any], tuple[Problem, ...]]:
        from blockyard_platform.glance import needs_guest
        from blockyard_platform.loading import load_document

        most = self._house.document_bytes
        try:
            source = load_document(document, most)
        except InvalidDocumentError as error:
            return None, {}, error.problems
        if needs_guest(source.data):
            self._house.warm()
            await asyncio.sleep(0)  # its process starts, while the document is checked here
        from blockyard_platform.admission import admit
        from blockyard_platform.params import bind

        admission = admit(source, self._house.policy, self._house.catalog)
        if admission.plan is None:
            return None, {}, admission.problems
        values, problems = bind(admission.plan.params, params, texts)
        return admission.plan, values, problems

    async def _execute(self, plan: Plan, params: dict[str, Any]) -> RunResult:
        from blockyard_platform.engine.interpreter import interpret
        from blockyard_platform.engine.journal import MemoryJournal
        from blockyard_platform.engine.run import Run
        from blockyard_platform.engine.stages import run_stages

        journal = self._journal or MemoryJournal()
        run = Run(self.run_id, plan, params, self._house, journal, self._observers, run_stages)
        self._run = run
        seconds = min(self._house.policy.run.wall_seconds, plan.timeout or float("inf"))
        message = f"the run did not end within its {seconds:g} s"
        timer = asyncio.get_running_loop().call_later(
            seconds, run.stop, self._task, Code.TIMEOUT, message
        )
        try:
            return await interpret(run, self._task)
        finally:
            timer.cancel()
            await run.guests.close()
            await self._observers.drain()
