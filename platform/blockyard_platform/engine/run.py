"""One run: its plan, its params, what it has used so far, and where its records go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.guests import Guests
from blockyard_platform.engine.lines import Lines
from blockyard_platform.engine.scope import Scope, gather
from blockyard_platform.errors import StageFailureError, wrong_form
from blockyard_platform.plain import is_list
from blockyard_platform.results import LogLine, RunView
from blockyard_platform.templates import check_weight
from blockyard_platform.weight import weigh
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from blockyard_platform.engine.house import House
    from blockyard_platform.engine.journal import Journal
    from blockyard_platform.engine.observers import Observers
    from blockyard_platform.plan import Plan, Stage
    from blockyard_platform.results import StageRecord
    from blockyard_platform.templates import Template

    Sequence = Callable[["Run", tuple[Stage, ...], Scope, str], Awaitable[StageRecord | None]]

MAX_HELD = 64 * 1024 * 1024
"""Bytes, roughly, of outputs that one run may hold."""

MAX_LOGGED = 1024 * 1024
"""Characters of printed lines that a result keeps, each line counted with _LINE more; callbacks are given all of them."""

_LINE = 32


class Run:
    """The state of one run, shared by its stages. ``sequence`` runs a list of stages; the engine gives it."""

    def __init__(
        self,
        run_id: str,
        plan: Plan,
        params: dict[str, Any],
        house: House,
        journal: Journal,
        observers: Observers,
        sequence: Sequence,
    ) -> None:
        """Begin with nothing used."""
        self.plan = plan
        self.house = house
        self.policy = house.policy
        self.journal = journal
        self.observers = observers
        self.guests = Guests(house)
        self.view = RunView(run_id, plan.name, Status.WAIT, params)
        self.variables: dict[str, Any] = {}
        self.variables_lock = asyncio.Lock()
        self.logs: list[LogLine] = []
        self.final: StageFailureError | None = None
        self._sequence = sequence
        self._stopped: tuple[Code, str] | None = None
        self._steps = 0
        self._most_steps = house.policy.executed_steps
        self._uses: dict[str, int] = {}
        self._held = 0
        self._logged = 0

    async def stages(
        self, stages: tuple[Stage, ...], scope: Scope, prefix: str
    ) -> StageRecord | None:
        """Run a list of stages; return the record of the first that failed, if one did."""
        return await self._sequence(self, stages, scope, prefix)

    async def fill(self, template: Template, scope: Scope) -> Any:
        """Return a template's data; what is more than a look-up is asked of the guest, all of it in one call."""
        if not template.guest:
            return template.fill(scope)
        names = gather(template.guest, scope)
        check_weight(names)
        payload = {"sources": [expression.text for expression in template.guest], "names": names}
        answers = await self.guests.ask("expressions", payload)
        if not is_list(answers) or len(answers) != len(template.guest):
            raise wrong_form()
        return template.fill(scope, answers)

    async def ask(self, op: str, payload: dict[str, Any], path: str) -> Any:
        """Return the answer of a guest; what it prints meanwhile is logged line by line, as the stage's."""
        lines = Lines(self.log, path)
        try:
            return await self.guests.ask(op, payload, lines)
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

    def count_use(self, block: str) -> None:
        """Count one use of a block; raise StageFailureError beyond its limit."""
        most = self.plan.block_limits.get(block)
        if most is None:
            return
        used = self._uses[block] = self._uses.get(block, 0) + 1
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

    def stop(self, task: asyncio.Task[Any], code: Code, message: str) -> None:
        """End the run from outside: cancel what runs, and remember why."""
        if self._stopped is None:
            self._stopped = (code, message)
            task.cancel(message)

    @property
    def stopped(self) -> tuple[Code, str] | None:
        """Why the run was ended from outside, if it was."""
        return self._stopped
