"""One run: its plan, its params, what it has used so far, and where its records go."""

from __future__ import annotations

import asyncio
import re
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple

from blockyard_platform.engine.answers import answers_of
from blockyard_platform.engine.deadlines import enclosing
from blockyard_platform.engine.desk import EMPTY
from blockyard_platform.engine.guests import Guests
from blockyard_platform.engine.hidden import Hidden
from blockyard_platform.engine.interruptions import Interruptible
from blockyard_platform.engine.journal import Marks
from blockyard_platform.engine.lines import Lines, Printed
from blockyard_platform.engine.usage import Usage
from blockyard_platform.engine.waits import Waits
from blockyard_platform.errors import JournalError, StageFailureError
from blockyard_platform.events import RunView
from blockyard_platform.results import LogLine
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from blockyard_platform.engine.desk import Desk
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


PIN_OF_SECRET = "secret "  # noqa: S105  (the beginning of a name)
"""What the names of pins begin with that say which secrets the run has revealed."""

_ATTEMPT = re.compile(r"~\d+$")


class Run(Interruptible):
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
        desk: Desk = EMPTY,
    ) -> None:
        """Begin with nothing used but what the past has."""
        super().__init__(task, observers)
        self.plan = plan
        self.house = house
        self.policy = house.policy
        self.journal = journal
        self.guests = Guests(house)
        self.hidden = Hidden(house.secrets, house.policy)
        self.view = RunView(run_id, plan.name, Status.WAIT, params)
        self.variables: dict[str, Any] = {}
        self.variables_lock = asyncio.Lock()
        self.locking = asyncio.Lock()
        self.printed = Printed()
        self.final: StageFailureError | None = None
        self.past = past
        self.usage = Usage(house.policy.executed_steps, past)
        self.desk = desk
        self.waits = Waits(desk.parking, self._park, desk.answers)
        self.kinds = engine.kinds
        self._engine = engine
        self.pins: dict[str, str] = {}
        self._marked: dict[str, Marks] = {}
        if past is not None:
            self.variables = past.variables
            self.pins.update(past.pins)
            self.guests.spend(past.cpu_seconds)

    async def stages(
        self, stages: tuple[Stage, ...], scope: Scope, prefix: str
    ) -> StageRecord | None:
        """Run a list of stages; return the record of the first that failed, if one did."""
        return await self._engine.stages(self, stages, scope, prefix)

    async def jobs(self, plan: Plan, root: Scope, jobs: dict[str, JobResult], prefix: str) -> None:
        """Run the jobs of a plan; their results are left in ``jobs``."""
        await self._engine.jobs(self, plan, root, jobs, prefix)

    def reached(self, where: str) -> bool:
        """Whether earlier work on this run came to an attempt, by the node path of the attempt."""
        return self.past is not None and self.past.reached(where)

    def begun_at(self, path: str) -> float | None:
        """Return when a stage was begun by earlier work on this run, if it was and has not ended."""
        begun = self.past.begun.get(path) if self.past is not None else None
        return None if begun is None else begun.at

    async def start_effect(self, path: str) -> None:
        """Note that a stage with an effect begins; when this returns, the journal has it."""
        await self._note_start(path, time())
        self.mark(path, durable=True)

    async def _note_start(self, path: str, at: float) -> None:
        await self._hold_on()
        await self._write(self.journal.started, path, at)

    async def begin_wait(self, path: str) -> float:
        """Note that a wait begins, and the timeouts around it; return when it began first."""
        for each in enclosing():
            if not each.noted:
                each.noted = True
                await self._note_start(each.key, each.begun)
        begun, now = self.begun_at(path), time()
        if begun is None or begun > now:  # by a clock that was ahead, and is put right
            begun = now
            await self._note_start(path, begun)
        self.mark(_ATTEMPT.sub("", path), durable=True)
        return begun

    async def pin(self, name: str, value: str) -> None:
        """Fix something for the rest of the run, also when it is taken up again; when this returns, the journal has it."""
        await self._hold_on()
        await self._pin(name, value)

    async def pin_secrets(self) -> None:
        """Fix the names of the secrets that were revealed: a run that is taken up again masks them, too."""
        for name in list(self.hidden.names):
            if PIN_OF_SECRET + name not in self.pins:
                await self._pin(PIN_OF_SECRET + name, "revealed")

    async def _pin(self, name: str, value: str) -> None:
        await self._write(self.journal.pinned, name, value)
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

    def count_use(self, block: str, path: str | None = None) -> None:
        """Count one use of a block, by the stage at a node path; raise StageFailureError beyond its limit."""
        most = self.plan.block_limits.get(block)
        if most is None:
            return
        used = self.usage.count_use(block)
        if path is not None:
            self.mark(path, use=(block, used))
        if used > most:
            raise StageFailureError(
                Code.BLOCK_LIMIT_EXCEED, f"the block '{block}' may be run {most} times in one run"
            )

    def log(self, path: str, text: str) -> None:
        """Take a line that a stage printed; what was revealed is masked."""
        text = self.hidden.text(text)
        line = LogLine(path, text)
        self.printed.keep(line)
        self.observers.logged(self.view, line)

    async def record(self, record: StageRecord) -> None:
        """Write a record to the journal; when that fails, nothing more is done in this run."""
        if not self.lost and not self.parked:
            await self.pin_secrets()
            await self._write(self.journal.finished, record, self.marks(record.path))

    async def catch_up(self) -> None:
        """Have the journal write what it is behind with, before anything else is begun; when that fails, nothing more is done in this run."""
        if not self.lost and not self.parked:
            await self._write(self.journal.written)

    async def _write(self, write: Callable[..., Awaitable[None] | None], *given: Any) -> None:
        try:
            waiting = write(*given)
            if waiting is not None:
                await waiting
        except JournalError as error:
            await self._lose(error)
