"""Runs that park, for tests: taken up again and again, each time in a process that knows nothing of before."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from blockyard_blocks import Catalog
from blockyard_platform import Answer, Parking, Runner, RunResult
from blockyard_platform.engine.deadlines import MARK
from blockyard_platform.store.engines import open_engine
from blockyard_platform.store.tables import RUNS, STARTS

ANY = Parking(least=0)
"""Parks for whatever lies ahead."""


class Parked:
    """The run ``r`` of one journal."""

    def __init__(self, place: str | Path, catalog: Catalog | None = None) -> None:
        self.place = place
        self.catalog = catalog
        self.workflows: Any = None
        self.parking: Parking | None = ANY

    async def begin(self, document: dict[str, Any], **more: Any) -> RunResult:
        """Begin it."""
        async with self._runner() as runner:
            options: dict[str, Any] = {"parking": self.parking} | more
            return await runner.run({"name": "t", **document}, run_id="r", **options)

    async def go_on(self, answers: Mapping[str, Answer] | None = None, **more: Any) -> RunResult:
        """Take it up."""
        async with self._runner() as runner:
            options: dict[str, Any] = {"parking": self.parking} | more
            return await runner.resume("r", answers=answers, **options)

    async def to_end(
        self, result: RunResult, answer: Callable[[str], Answer] | None = None, **more: Any
    ) -> tuple[RunResult, int]:
        """Take it up, with all answers, until it has ended; return its result, and how often it had parked."""
        times = 0
        while result.parked:
            times += 1
            asked = [it.path for it in result.parked if it.kind == "approval"]
            self.later(3600)
            given = {path: answer(path) for path in asked} if answer is not None else {}
            result = await self.go_on(given, **more)
        return result, times

    def later(self, seconds: float, *, clocks: bool = False) -> None:
        """Let so much time have passed for what waits; with ``clocks`` for the timeouts around it, too."""
        engine = open_engine(self.place)
        wanted = sa.update(STARTS).values(at=STARTS.c.at - seconds)
        if not clocks:
            wanted = wanted.where(sa.not_(STARTS.c.path.endswith(MARK)))
        with engine.begin() as connection:
            connection.execute(wanted)
            connection.execute(sa.update(RUNS).values(created=RUNS.c.created - seconds))
        engine.dispose()

    def _runner(self) -> Runner:
        return Runner(journal=self.place, catalog=self.catalog, workflows=self.workflows)


def paths(result: RunResult) -> list[str]:
    """Return what a parked run waits for."""
    return [it.path for it in result.parked]
