"""What the tests of resuming share: a catalog that notes what was done, and runs with a journal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blockyard_blocks import Catalog, block
from blockyard_platform import Runner, RunResult

Done = list[str]


@pytest.fixture
def done() -> Done:
    """Return the list of the node paths at which the effect was done."""
    return []


@pytest.fixture
def catalog(done: Done) -> Catalog:
    """Return the built-in blocks and ``mine.effect``, which notes its node path and gives its value back."""

    @block(tags=set(), runs="host", name="mine.effect")
    async def effect(context: Any, *, value: Any = 0) -> Any:
        """Note that it was done.

        Args:
            value: what is given back
        """
        done.append(context.stage)
        return value

    return Catalog.builtin().merge(Catalog.of(effect))


class Runs:
    """Runs of one journal."""

    def __init__(self, journal: Path, catalog: Catalog) -> None:
        self.journal = journal
        self.catalog = catalog
        self.workflows: Any = None

    async def begin(self, document: dict[str, Any], **more: Any) -> RunResult:
        """Begin the run ``r``."""
        async with self._runner() as runner:
            return await runner.run({"name": "t", **document}, run_id="r", **more)

    async def resume(self, **more: Any) -> RunResult:
        """Take the run ``r`` up again."""
        async with self._runner() as runner:
            return await runner.resume("r", **more)

    def _runner(self) -> Runner:
        return Runner(journal=self.journal, catalog=self.catalog, workflows=self.workflows)


@pytest.fixture
def runs(tmp_path: Path, catalog: Catalog) -> Runs:
    """Return runs with a journal of their own."""
    return Runs(tmp_path / "runs.db", catalog)


Make = Callable[[str], dict[str, Any]]
