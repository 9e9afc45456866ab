"""What operators learn of runs: figures and spans, for those who want them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from blockyard_platform.service.dispatch.port import State
from blockyard_platform.service.dispatch.tables import QUEUE
from blockyard_platform.service.operations.metrics import Metrics, MetricsSettings
from blockyard_platform.service.operations.tracing import trace_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blockyard_platform.events import Event, RunView
    from blockyard_platform.results import RunResult
    from blockyard_platform.service.operations.tracing import RunSpans
    from blockyard_platform.service.registry.database import Database, Writing
    from blockyard_platform.service.runs.settling import Ended
    from blockyard_platform.service.worker.ticket import TakenRun


class Observing:
    """The figures of one process, and the spans of its runs."""

    def __init__(self, tenants: int = 0) -> None:
        """Count from now on; ``tenants`` is how many have figures of their own."""
        self.metrics = Metrics(MetricsSettings(tenants))

    def begin(self, ticket: TakenRun) -> RunWatch:
        """Return what watches a run that begins here, or is taken up."""
        self.metrics.run_started(ticket.tenant)
        spans = trace_run(ticket.run_id, ticket.tenant, ticket.workflow, traceparent=ticket.trace)
        return RunWatch(self.metrics, spans)

    def ended(self, work: Writing, ended: Sequence[Ended]) -> None:
        """Count runs that have ended: a follower of their settling."""
        for it in ended:
            self.metrics.run_ended(it.tenant, it.status, max(work.now - it.created, 0.0))

    def render(self, database: Database, worker: str, slots: int) -> bytes:
        """Return all figures, with the queue and this worker's slots as they are now."""
        waiting = QUEUE.c.state.in_((State.QUEUED, State.DELAYED))
        wanted = sa.select(sa.func.count(), sa.func.min(QUEUE.c.submitted)).where(waiting)
        mine = (QUEUE.c.worker == worker, QUEUE.c.state == State.RUNNING)
        with database.reading() as work:
            count, oldest = work.connection.execute(wanted).one()
            used = work.connection.scalar(sa.select(sa.func.count()).where(*mine)) or 0
            self.metrics.queue_is(count, max(work.now - oldest, 0.0) if count else 0.0)
        self.metrics.slots_are(used, slots)
        return self.metrics.render()


class RunWatch:
    """Watches one run."""

    def __init__(self, metrics: Metrics, spans: RunSpans | None) -> None:
        """Count its stages, and record them when there are spans."""
        self._metrics = metrics
        self._spans = spans

    def on_event(self, view: RunView, event: Event) -> None:
        """Take an event."""
        self._metrics.on_event(view, event)
        if self._spans is not None:
            self._spans.on_event(view, event)

    def end(self, result: RunResult) -> None:
        """Take the end, or that it parks."""
        if self._spans is not None:
            self._spans.end(result, parked=bool(result.parked))
