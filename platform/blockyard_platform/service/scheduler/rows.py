"""What the scheduler asks of runs, answered from their rows: which are under way, how one has ended, and how they are queued."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from blockyard_platform.service.dispatch import runs as queue
from blockyard_platform.service.registry import sealed
from blockyard_platform.service.registry.access import enter, listing
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.runs.settling import Ended
from blockyard_platform.service.scheduler.tables import TOPIC
from blockyard_platform.store.tables import RUNS
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blockyard_platform.service.registry.access import Scope
    from blockyard_platform.service.registry.database import Database, Reading, Writing
    from blockyard_platform.service.registry.sealed import Sealing
    from blockyard_platform.service.runs.watching import Watching
    from blockyard_platform.service.signals import Signals

_MOST = 1_000


class RunRows:
    """Knows which runs are under way."""

    def active(self, work: Reading, tenant: str, origin: str) -> Sequence[str]:
        """Return the runs of an origin that have not ended, the oldest first; no more than a schedule can have."""
        scope = enter(work, Caller.service(), Action.RUNS_READ, tenant)
        mine = (RUNS.c.origin == origin, RUNS.c.status == Status.WAIT.value)
        wanted = scope.select(RUNS, RUNS.c.id).where(*mine).order_by(RUNS.c.created, RUNS.c.id)
        return list(work.connection.execute(wanted.limit(_MOST)).scalars())

    def ended(self, work: Reading, runs: Sequence[str]) -> Sequence[str]:
        """Return those of some runs that are settled, or that are not there any more."""
        scope = listing(work, Caller.service(), Action.RUNS_READ)
        wanted = scope.select(RUNS, RUNS.c.id).where(RUNS.c.id.in_(runs), RUNS.c.settled == 0)
        left = set(work.connection.execute(wanted).scalars())
        return [run for run in runs if run not in left]


class QueueGate:
    """Puts runs that were held into the queue; at the commit those who watch the topic of the scheduler are told."""

    def __init__(self, signals: Signals) -> None:
        """Tell by these signals."""
        self._signals = signals

    def let_in(self, work: Writing, scope: Scope, runs: Sequence[str]) -> None:
        """Queue runs that have not ended meanwhile."""
        mine = (RUNS.c.id.in_(runs), RUNS.c.status == Status.WAIT.value)
        wanted = scope.select(RUNS, RUNS.c.id, RUNS.c.tenant, RUNS.c.priority).where(*mine)
        rows: list[Any] = list(work.connection.execute(wanted.with_for_update()))
        # One that is done again stands in the queue as one that has ended.
        come = [queue.Submission(it.id, it.tenant, it.priority, again=True) for it in rows]
        queue.add(work.connection, come)
        self._signals.publish(work.connection, TOPIC)


class Secrets:
    """Opens the secrets of the registry."""

    def __init__(self, database: Database, unseal: Sealing) -> None:
        """Open them with this."""
        self._database = database
        self._unseal = unseal

    def __call__(self, tenant: str, name: str) -> Sequence[bytes]:
        """Return what a secret holds. Raises NotFoundError."""
        with self._database.reading() as work:
            caller = Caller.service(tenant)
            return (sealed.reveal(work, caller, tenant, name, self._unseal).encode(),)


class RunWaiter:
    """Waits for a run's end by its news, in an event loop."""

    def __init__(self, database: Database, watching: Watching) -> None:
        """Look at these rows, when there is news."""
        self._database = database
        self._watching = watching

    async def __call__(self, tenant: str, run_id: str, seconds: float) -> Ended | None:
        """Return how a run has ended; ``None`` when it has not within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                with self._watching.of(run_id, ending=True) as news:
                    while True:
                        news.clear()
                        found = await asyncio.to_thread(self._look, tenant, run_id)
                        if found is not None or self._watching.left:
                            return found
                        await news.wait()
        except TimeoutError:
            return None

    def _look(self, tenant: str, run_id: str) -> Ended | None:
        with self._database.reading() as work:
            scope = enter(work, Caller.service(), Action.RUNS_READ, tenant)
            settled = (RUNS.c.id == run_id, RUNS.c.settled == 1)
            row: Any = work.connection.execute(scope.select(RUNS).where(*settled)).first()
        if row is None:
            return None
        result: dict[str, Any] = {} if row.result is None else json.loads(row.result)
        return Ended(
            run_id=run_id,
            tenant=tenant,
            workflow=row.workflow,
            status=Status(row.status),
            origin=row.origin,
            depth=row.depth,
            concurrency=row.concurrency,
            cpu_seconds=row.charged,
            created=row.created,
            outputs=result.get("outputs", {}),
        )
