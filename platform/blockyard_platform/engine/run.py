"""One run: its plan, its params, what it has used so far, and where its records go."""

from __future__ import annotations

import asyncio
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple

from blockyard_platform.engine.answers import answers_of
from blockyard_platform.engine.guests import Guests
from blockyard_platform.engine.journal import Marks
from blockyard_platform.engine.lines import Lines
from blockyard_platform.errors import JournalError, StageFailureError
from blockyard_platform.results import LogLine, RunView
from blockyard_platform.weight import weigh
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from blockyard_platform.engine.guests import Jail
    from blockyard_platform.engine.house import House
    from blockyard_platform.engine.journal import Journal, Past
    from blockyard_platform.engine.observers import Observers
    from blockyard_platform.engine.scope import Scope
    from blockyard_platform.plan import Body, Plan, Stage
    from blockyard_platform.results import JobResult, Outputs, StageRecord
    from blockyard_platform.templates import Template

    RunStages = Callable[["Run", tuple[Stage, ...], Scope, str], Awaitable[StageRecord | None]]
    Execute = Callable[["Run", Any, Scope, str], Awaitable[Outputs]]
    Kinds = Mapping[type[Body], Execute]
    RunJobs = Callable[["Run", Plan, Scope, dict[str, JobResult], str], Awaitable[None]]


class Engine(NamedTuple):
    """What runs lists of stages, the jobs of a plan, and each kind of stage: given to each run, so that kinds can ask for all."""

    stages: RunStages
    jobs: RunJobs
    kinds: Kinds


MAX_HELD = 64 * 1024 * 1024
"""Bytes, roughly, of outputs that one run may hold."""

MAX_LOGGED = 1024 * 1024
"""Characters of printed lines that a result keeps, each line counted with _LINE more; callbacks are given all of them."""

_LINE = 32


class Run:
    """The state of one run, shared by its stages. ``past`` is what earlier work on it has left."""

    def __init__(
        self,
        run_id: str,
        plan: Plan,
        params: dict[str, Any],
        house: House,
        journal: Journal,
        observers: Observers,
        engine: Engine,
        task: asyncio.Task[Any],
        past: Past | None = None,
    ) -> None:
        """Begin with nothing used but what the past has."""
        self.plan = plan
        self.house = house
        self.policy = house.policy
        self.journal = journal
        self.observers = observers
        self.guests = Guests(house)
        self.view = RunView(run_id, plan.name, Status.WAIT, params)
        self.variables: dict[str, Any] = {}
        self.variables_lock = asyncio.Lock()
        self.locking = asyncio.Lock()
        self.logs: list[LogLine] = []
        self.final: StageFailureError | None = None
        self.past = past
        self.task = task
        self.lost = False
        self.kinds = engine.kinds
        self._engine = engine
        self.pins: dict[str, str] = {}
        self._marked: dict[str, Marks] = {}
        self._stopped: tuple[Code, str] | None = None
        self._steps = 0
        self._most_steps = house.policy.executed_steps
        self._uses: dict[str, int] = {}
        self._held = 0
        self._logged = 0
        if past is not None:
            self.variables = past.variables
            self.pins.update(past.pins)
            self._uses.update(past.uses)
            self._steps = sum(it.started is not None for it in past.records.values())
            self.guests.spend(past.cpu_seconds)

    async def stages(
        self, stages: tuple[Stage, ...], scope: Scope, prefix: str
    ) -> StageRecord | None:
        """Run a list of stages; return the record of the first that failed, if one did."""
        return await self._engine.stages(self, stages, scope, prefix)

    async def jobs(self, plan: Plan, root: Scope, jobs: dict[str, JobResult], prefix: str) -> None:
        """Run the jobs of a plan; their results are left in ``jobs``."""
        await self._engine.jobs(self, plan, root, jobs, prefix)

    def begun_at(self, path: str) -> float | None:
        """Return when a stage was begun by earlier work on this run, if it was and has not ended."""
        begun = self.past.begun.get(path) if self.past is not None else None
        return None if begun is None else begun.at

    async def start_effect(self, path: str, at: float | None = None) -> None:
        """Note that a stage with an effect begins; when this returns, the journal has it."""
        try:
            waiting = self.journal.started(path, time() if at is None else at)
            if waiting is not None:
                await waiting
        except JournalError as error:
            await self._lose(error)
        self.mark(path, durable=True)

    async def pin(self, name: str, value: str) -> None:
        """Fix something for the rest of the run, also when it is taken up again; when this returns, the journal has it."""
        try:
            waiting = self.journal.pinned(name, value)
            if waiting is not None:
                await waiting
        except JournalError as error:
            await self._lose(error)
        self.pins[name] = value

    def mark(
        self,
        path: str,
        *,
        durable: bool = False,
        use: tuple[str, int] | None = None,
        variables: dict[str, Any] | None = None,
    ) -> None:
        """Keep what the journal is to know beside the record of a stage."""
        old = self._marked.get(path) or Marks()
        self._marked[path] = Marks(
            old.durable or durable,
            use or old.use,
            old.variables if variables is None else variables,
        )

    def marks(self, path: str) -> Marks:
        """Return what was kept for a stage, and forget it."""
        marks = self._marked.pop(path, None)
        spent = self.guests.spent
        return Marks(cpu_seconds=spent) if marks is None else marks._replace(cpu_seconds=spent)

    async def fill(self, template: Template, scope: Scope) -> Any:
        """Return a template's data; what is more than a look-up is asked of the guest."""
        if not template.guest:
            return template.fill(scope)
        return template.fill(scope, await answers_of(self, template.guest, scope))

    async def ask(self, op: str, payload: dict[str, Any], path: str) -> Any:
        """Return the answer of a guest; what it prints meanwhile is logged line by line, as the stage's."""
        lines = Lines(self.log, path)
        try:
            return await self.guests.ask(op, payload, lines)
        finally:
            lines.end()

    async def run_script(self, jail: Jail, payload: dict[str, Any], path: str) -> tuple[Any, bool]:
        """Return the answer of a jail's operation, its lines logged as they come, and whether memory ran out."""
        lines = Lines(self.log, path)
        try:
            return await self.guests.run_script(jail, payload, lines)
        finally:
            lines.end()

    def count_step(self) -> int:
        """Count one stage that is run, and return the count; raise a final StageFailureError beyond the policy's executed steps."""
        self._steps += 1
        if self._steps > self._most_steps:
            raise StageFailureError(
                Code.STEP_LIMIT_EXCEED,
                f"the run has executed {self._most_steps} stages, and the policy allows no more (executed_steps)",
                final=True,
            )
        return self._steps

    def count_use(self, block: str, path: str | None = None) -> None:
        """Count one use of a block, by the stage at a node path; raise StageFailureError beyond its limit."""
        most = self.plan.block_limits.get(block)
        if most is None:
            return
        used = self._uses[block] = self._uses.get(block, 0) + 1
        if path is not None:
            self.mark(path, use=(block, used))
        if used > most:
            raise StageFailureError(
                Code.BLOCK_LIMIT_EXCEED, f"the block '{block}' may be run {most} times in one run"
            )

    def hold(self, outputs: dict[str, Any]) -> None:
        """Count outputs that the run keeps; raise a final StageFailureError when they are too much."""
        self._held += weigh(outputs, MAX_HELD)
        if self._held > MAX_HELD:
            raise StageFailureError(
                Code.RESULT_LIMIT,
                f"the outputs of this run's stages exceed {MAX_HELD // 1024 // 1024} MiB in all",
                final=True,
            )

    def log(self, path: str, text: str) -> None:
        """Take a line that a stage printed."""
        line = LogLine(path, text)
        if self._logged <= MAX_LOGGED:
            self._logged += len(text) + _LINE
            self.logs.append(line)
        self.observers.logged(self.view, line)

    def stop(self, code: Code, message: str) -> None:
        """End the run from outside: cancel what runs, and remember why."""
        if self._stopped is None:
            self._stopped = (code, message)
            self.task.cancel(message)

    async def record(self, record: StageRecord) -> None:
        """Write a record to the journal; when that fails, nothing more is done in this run."""
        if self.lost:
            return
        try:
            waiting = self.journal.finished(record, self.marks(record.path))
            if waiting is not None:
                await waiting
        except JournalError as error:
            await self._lose(error)

    async def _lose(self, error: JournalError) -> None:
        self.lost = True
        self.stop(Code.INTERRUPTED, str(error))
        await asyncio.get_running_loop().create_future()  # the cancellation ends it

    @property
    def stopped(self) -> tuple[Code, str] | None:
        """Why the run was ended from outside, if it was."""
        return self._stopped
