"""A run that has begun: wait for it, or stop it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.desk import EMPTY
from blockyard_platform.results import RunResult
from blockyard_platform.waits import check_answer
from blockyard_schemas.problems import InvalidDocumentError, Problem
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from blockyard_platform.engine.desk import Desk
    from blockyard_platform.engine.house import House
    from blockyard_platform.engine.journal import Journal, Past
    from blockyard_platform.engine.observers import Observers
    from blockyard_platform.engine.run import Kinds, Run
    from blockyard_platform.plan import Plan
    from blockyard_platform.waits import Answer, Waiting
    from blockyard_platform.workflows import Workflows
    from blockyard_schemas.reader import Source

    class Ticket(Protocol):
        """What a run begins with: see the module ``tickets``."""

        @property
        def run_id(self) -> str:
            """The id of the run."""
            ...

        def source(self, most: int) -> Source:
            """Read the document."""
            ...

        def workflows(self, others: Workflows) -> Workflows:
            """Return the workflows that the run can trigger."""
            ...

        @property
        def params(self) -> dict[str, Any]:
            """The params that are given."""
            ...

        @property
        def texts(self) -> dict[str, str]:
            """Params as texts."""
            ...

        def open(
            self, plan: Plan, document: dict[str, Any], params: dict[str, Any]
        ) -> tuple[Journal, Past | None]:
            """Return the journal, and what earlier work has left."""
            ...


class RunHandle:
    """One run in a task of its own, from reading the document to the result."""

    def __init__(
        self,
        house: House,
        ticket: Ticket,
        observers: Observers,
        kinds: Kinds | None = None,
        plan: Plan | None = None,
        desk: Desk | None = None,
    ) -> None:
        """Begin; an event loop must be running. ``kinds`` take the place of those that stages have.

        With a ``plan`` the document is not looked at: whoever gives it has had it admitted under the house's policy.
        Without a ``desk`` the run waits in this process, and is refused when it would ask for an approval.
        """
        self.run_id = ticket.run_id
        self._house = house
        self._ticket = ticket
        self._observers = observers
        self._kinds = kinds
        self._plan = plan
        self._desk = desk or EMPTY
        self._run: Run | None = None
        self._document: dict[str, Any] = {}
        self._cancelled = False
        self._given_up: str | None = None
        self._task = asyncio.ensure_future(self._serve())

    def cancel(self) -> None:
        """Stop what runs, at once; the result then has the status CANCEL."""
        self._cancelled = True
        if self._run is not None:
            self._run.stop(Code.KILLED_MANUALLY, "the run was cancelled")
        else:
            self._task.cancel()

    def abandon(self, reason: str) -> None:
        """Leave the run to another process: stop at once, end the guests, and write and tell nothing more.

        The result is then ``lost``, and the journal is as it was, so that who takes the run up goes on from there. A run that
        has ended before is not changed.
        """
        if self._run is not None:
            self._run.abandon(reason)
        elif not self._task.done():
            self._given_up = reason
            self._task.cancel()

    def answer(self, path: str, answer: Answer) -> bool:
        """Answer the approval at a node path; return whether one is waited for there.

        Raises InvalidDocumentError when the answer does not fit the form.
        """
        waiting = self.waiting.get(path)
        if self._run is None or waiting is None or waiting.kind != "approval":
            return False
        check_answer(waiting, answer)
        return self._run.waits.give(path, answer)

    @property
    def waiting(self) -> Mapping[str, Waiting]:
        """What the run waits for now, by node path."""
        return {} if self._run is None else self._run.waits.asked

    async def result(self) -> RunResult:
        """Wait for the end. When the waiting task is cancelled, so is the run."""
        try:
            return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            if self._task.cancelled() and self._given_up is not None:
                problem = Problem(Code.INTERRUPTED.name, "", self._given_up)
                return RunResult(self.run_id, None, Status.FAILED, problems=(problem,), lost=True)
            if self._task.cancelled() and self._cancelled:
                return RunResult(None, None, Status.CANCEL)
            self.cancel()
            await asyncio.wait([self._task])
            raise

    async def _serve(self) -> RunResult:
        plan, values, problems = await self._admit()
        if plan is None or problems:
            name = None if plan is None else plan.name
            return RunResult(None, name, Status.FAILED, problems=problems)
        if plan.needs_guest:
            self._house.warm()
        return await self._execute(plan, values)

    async def _admit(self) -> tuple[Plan | None, dict[str, Any], tuple[Problem, ...]]:
        from blockyard_platform.glance import needs_guest

        house, ticket = self._house, self._ticket
        if self._plan is not None:
            values, problems = self._bound(self._plan)
            return self._plan, values, (*problems, *self._unstaffed(self._plan, None))
        most = house.document_bytes
        try:
            source = ticket.source(most)
        except InvalidDocumentError as error:
            return None, {}, error.problems
        if needs_guest(source.data):
            house.warm()
            await asyncio.sleep(0)  # its process starts, while the document is checked here
        from blockyard_platform.admission import admit

        workflows = ticket.workflows(house.workflows)
        admission = admit(source, house.policy, house.catalog, workflows, house.secrets)
        if admission.plan is None:
            return None, {}, admission.problems
        self._document = source.data
        values, problems = self._bound(admission.plan)
        return admission.plan, values, (*problems, *self._unstaffed(admission.plan, source))

    def _bound(self, plan: Plan) -> tuple[dict[str, Any], tuple[Problem, ...]]:
        from blockyard_platform.params import bind

        return bind(plan.params, self._ticket.params, self._ticket.texts)

    def _put_aside(self, run: Run) -> None:
        """Log answers to what was never asked."""
        past = run.past
        for path in self._desk.answers:
            if past is None or (path not in past.begun and path not in past.records):
                run.log(path, "an answer was put aside: nothing was asked here")

    def _unstaffed(self, plan: Plan, source: Source | None) -> tuple[Problem, ...]:
        """Return the problem that nobody can be asked, when the document may ask and no stand-ins answer."""
        if plan.asks is None or self._desk.staffed or self._kinds is not None:
            return ()
        message = "an approval needs somebody to ask, and nobody can be asked here"
        hint = "run it on a terminal, submit it to the service, or give on_approval"
        line, column = (source and source.locate(plan.asks)) or (None, None)
        return (Problem("unsupported", plan.asks, message, hint, line, column),)

    async def _execute(self, plan: Plan, params: dict[str, Any]) -> RunResult:
        from blockyard_platform.engine.interpreter import execute
        from blockyard_platform.engine.jobs import run_jobs
        from blockyard_platform.engine.kinds import KINDS
        from blockyard_platform.engine.run import Engine, Run
        from blockyard_platform.engine.stages import run_stages

        try:
            journal, past = self._ticket.open(plan, self._document, params)
        except InvalidDocumentError as error:
            return RunResult(None, plan.name, Status.FAILED, problems=error.problems)
        run = Run(
            self.run_id,
            plan,
            params,
            self._house,
            journal,
            self._observers,
            Engine(run_stages, run_jobs, self._kinds or KINDS),
            self._task,
            past,
            self._desk,
        )
        self._run = run
        self._put_aside(run)
        return await execute(run)
