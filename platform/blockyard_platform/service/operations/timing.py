"""How long writes to the database take: a journal's, and the registry's transactions, told to a callable."""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter, time
from typing import TYPE_CHECKING

from blockyard_platform.service.registry.database import Database

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Generator

    from sqlalchemy.engine import Engine

    from blockyard_platform.engine.journal import Journal, Marks
    from blockyard_platform.results import RunResult, StageRecord
    from blockyard_platform.service.registry.database import Writing

    Told = Callable[[str, float], None]
    """Takes a part and seconds, as :meth:`Metrics.written` does."""


class TimedJournal:
    """A journal that does what another one does, and tells how long each write took until the run could go on."""

    def __init__(self, inner: Journal, told: Told) -> None:
        """Stand before another journal."""
        self._inner = inner
        self._told = told

    @property
    def behind(self) -> bool:
        """Whether the other one is behind."""
        return self._inner.behind

    def started(self, path: str, at: float) -> Awaitable[None] | None:
        """Note that an effect begins."""
        begun = perf_counter()
        return self._done(begun, self._inner.started(path, at))

    def finished(self, record: StageRecord, marks: Marks) -> Awaitable[None] | None:
        """Note how a stage ended. What the other one only keeps in mind is timed when it is written."""
        begun = perf_counter()
        waiting = self._inner.finished(record, marks)
        return waiting if self._inner.behind else self._done(begun, waiting)

    def pinned(self, name: str, value: str) -> Awaitable[None] | None:
        """Note what the run has fixed."""
        begun = perf_counter()
        return self._done(begun, self._inner.pinned(name, value))

    def written(self) -> Awaitable[None] | None:
        """Have all that was noted written."""
        begun = perf_counter()
        return self._done(begun, self._inner.written())

    def ended(self, result: RunResult) -> None:
        """Note how the run ended."""
        begun = perf_counter()
        self._inner.ended(result)
        self._told("journal", perf_counter() - begun)

    def close(self) -> None:
        """Let go of what the journal holds."""
        self._inner.close()

    def _done(self, begun: float, waiting: Awaitable[None] | None) -> Awaitable[None] | None:
        if waiting is not None:
            return self._waited(begun, waiting)
        self._told("journal", perf_counter() - begun)
        return None

    async def _waited(self, begun: float, waiting: Awaitable[None]) -> None:
        await waiting
        self._told("journal", perf_counter() - begun)


class TimedDatabase(Database):
    """The registry's database, which tells how long write transactions took: with what they waited for, and their commit."""

    def __init__(
        self,
        place: str | os.PathLike[str] | Engine,
        told: Told,
        now: Callable[[], float] = time,
    ) -> None:
        """Open as a Database does."""
        super().__init__(place, now)
        self._told = told

    @contextmanager
    def writing(self) -> Generator[Writing]:
        """Yield a transaction to write in; one that fails is not counted."""
        begun = perf_counter()
        with super().writing() as work:
            yield work
        self._told("registry", perf_counter() - begun)
