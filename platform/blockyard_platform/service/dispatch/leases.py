"""Leases of workers: each counts its heartbeats in the database, and each watches the others count.

No clock is compared with another machine's: a worker is dead when its count has stood still for as long as a lease
by the watcher's own steady clock, so that a clock that jumps takes nobody's runs away, and keeps no dead worker alive.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.dispatch import runs
from blockyard_platform.service.dispatch.places import is_gone, own_place
from blockyard_platform.service.dispatch.port import State
from blockyard_platform.service.dispatch.tables import QUEUE, WORKERS, locked, now

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Engine

_BEATS_A_LEASE = 2**32


@dataclass(frozen=True, slots=True)
class Dead:
    """A worker that has died, at this count of heartbeats; without one it is no worker any more, but runs name it."""

    worker: str
    beat: int | None


class Lease:
    """The process's own lease."""

    def __init__(self, engine: Engine, worker: str, slots: int) -> None:
        """Take no lease yet."""
        self._engine = engine
        self._worker = worker
        self._slots = slots
        self._taken = 0

    def take(self) -> None:
        """Register, with a count of heartbeats that no watcher has seen of this worker before."""
        first = self._taken * _BEATS_A_LEASE
        self._taken += 1
        row = {"id": self._worker, "place": own_place(), "slots": self._slots, "beat": first}
        with locked(self._engine) as connection:
            connection.execute(sa.insert(WORKERS).values(**row, seen=now(connection)))

    def beat(self) -> bool:
        """Say that this process lives; False when its lease is lost, and its runs with it."""
        with self._engine.begin() as connection:
            statement = sa.update(WORKERS).where(WORKERS.c.id == self._worker)
            beaten = statement.values(beat=WORKERS.c.beat + 1, seen=now(connection))
            return connection.execute(beaten).rowcount == 1

    def give_back(self) -> list[str]:
        """Hand over what is held, as nobody's failure, and leave."""
        with locked(self._engine) as connection:
            connection.execute(sa.delete(WORKERS).where(WORKERS.c.id == self._worker))
            return runs.release(connection, self._worker, failed=False)


class Watch:
    """Watches the other workers' heartbeats."""

    def __init__(
        self, engine: Engine, worker: str, seconds: float, clock: Callable[[], float] = monotonic
    ) -> None:
        """Call a worker dead after so many seconds without a heartbeat."""
        self._engine = engine
        self._worker = worker
        self._seconds = seconds
        self._clock = clock
        self._known: dict[str, tuple[int, float]] = {}
        self._looked = clock()

    def look(self) -> list[Dead]:
        """Return who has died."""
        with self._engine.connect() as connection:
            rows: list[Any] = list(connection.execute(sa.select(WORKERS)))
            holders = sa.select(QUEUE.c.worker).where(QUEUE.c.state == State.RUNNING).distinct()
            named = set(connection.execute(holders).scalars())
        at = self._clock()
        if at - self._looked > self._seconds / 2:
            # This process was away itself (stopped, or without the database): what stood still then proves nothing.
            self._known.clear()
        self._looked = at
        known = {it.id: self._since(it.id, it.beat, at) for it in rows if it.id != self._worker}
        self._known = known
        dead = [
            Dead(it.id, it.beat)
            for it in rows
            if it.id in known and (at - known[it.id][1] > self._seconds or is_gone(it.place))
        ]
        return dead + [Dead(it, None) for it in sorted(named - known.keys() - {self._worker})]

    def _since(self, worker: str, beat: int, at: float) -> tuple[int, float]:
        before = self._known.get(worker)
        return before if before is not None and before[0] == beat else (beat, at)


def take_over(engine: Engine, dead: Dead, *, force: bool = False) -> list[str] | None:
    """Queue what a dead worker held; None when it lives after all, or another watcher was here before."""
    with locked(engine) as connection:
        if dead.beat is not None or force:
            same = [] if force else [WORKERS.c.beat == dead.beat]
            statement = sa.delete(WORKERS).where(WORKERS.c.id == dead.worker, *same)
            if not connection.execute(statement).rowcount and not force:
                return None
        elif connection.scalar(sa.select(WORKERS.c.id).where(WORKERS.c.id == dead.worker)):
            return None
        return runs.release(connection, dead.worker, failed=True)
