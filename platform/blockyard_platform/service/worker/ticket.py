"""The ticket of a run that dispatch gives to a worker."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.dispatch.tables import QUEUE
from blockyard_platform.service.operations.timing import TimedJournal
from blockyard_platform.service.registry.audit import revision
from blockyard_platform.store.lists import among, texts
from blockyard_platform.store.tables import RUNS
from blockyard_platform.workflows import Kept
from blockyard_schemas.reader import Source
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from blockyard_platform.engine.journal import Journal, Past
    from blockyard_platform.plan import Plan
    from blockyard_platform.results import RunResult
    from blockyard_platform.service.operations.timing import Told
    from blockyard_platform.service.registry.database import Reading, Writing
    from blockyard_platform.store.journal import SqlJournal
    from blockyard_platform.store.records import Row
    from blockyard_platform.store.store import Store
    from blockyard_platform.workflows import Workflows

_COLUMNS: tuple[Any, ...] = (
    RUNS.c.id,
    RUNS.c.tenant,
    RUNS.c.workflow,
    RUNS.c.version,
    RUNS.c.document,
    RUNS.c.params,
    RUNS.c.status,
    RUNS.c.trace,
    RUNS.c.epoch,
    QUEUE.c.cancel,
)


@dataclass(slots=True)
class TakenRun:
    """A tenant's run as it stands: taken up where it was left, or begun when nobody had it before.

    ``text`` is the document as JSON, and ``stored_name`` that of the stored workflow it came from, if it did. The ``epoch`` is known once the run is taken;
    ``fresh`` tells that nobody has opened it before, and ``result`` is what it has come to, ``rest`` the rows of records that are not written by then: to be written, together with what follows. ``cancelled`` tells that it was cancelled by the time it was found.
    """

    store: Store
    told: Told
    run_id: str
    tenant: str
    workflow: str
    text: str
    stored_name: str | None
    params: dict[str, Any]
    ended: bool
    cancelled: bool
    trace: str | None = None
    epoch: int = 0
    fresh: bool = False
    result: RunResult | None = None
    journal: SqlJournal | None = None
    rest: list[Row] = field(default_factory=list["Row"])
    texts: dict[str, str] = field(default_factory=dict[str, str])

    def source(self, most: int) -> Source:
        """Return the document, which was accepted before."""
        del most
        return Source(json.loads(self.text))

    def workflows(self, others: Workflows) -> Workflows:
        """Return the workflows that the run can trigger."""
        return Kept(lambda: self.store.documents(self.run_id), others)

    def open(
        self, plan: Plan, document: dict[str, Any], params: dict[str, Any]
    ) -> tuple[Journal, Past | None]:
        """Take the run, unless it is taken: from now on this process alone can write to it."""
        del plan, document
        same = params == self.params
        if self.epoch and same:
            return _Journal(self.journal or self.store.journal(self.run_id, self.epoch), self), None
        # Who was stopped since it found the run must not begin it anew when another worker has ended it.
        journal, past = self.store.take(self.run_id, None if same else params, ended=False)
        self.epoch = journal.epoch
        return _Journal(journal, self), None if past.empty else past

    @contextmanager
    def coming(self) -> Generator[None]:
        """Let runs that write at the time know that this one, when it is taken, is about to write, too."""
        if self.epoch:
            self.journal = self.store.journal(self.run_id, self.epoch)
        try:
            yield
        finally:
            if self.journal is not None:
                self.journal.close()

    def holds(self, work: Writing) -> bool:
        """Whether the run goes on, and nobody else has taken it; neither changes before the transaction ends."""
        own = (RUNS.c.id == self.run_id, RUNS.c.epoch == self.epoch)
        mine = sa.select(RUNS.c.id).where(*own, RUNS.c.status == Status.WAIT.value)
        # The journal of a run does not wait for this: it locks the run in the same way.
        locked = mine.with_for_update(read=True)
        return work.connection.execute(locked).first() is not None


class _Journal(TimedJournal):
    """The journal of a run, but for its end, and what is written with that: both are left in the ticket."""

    def __init__(self, inner: SqlJournal, ticket: TakenRun) -> None:
        """Stand before a journal."""
        super().__init__(inner, ticket.told)
        self._sql = inner
        self._ticket = ticket

    def ended(self, result: RunResult) -> None:
        """Keep how the run ended."""
        self._ticket.rest = self._sql.rest()
        self._ticket.result = result


def find(
    work: Reading, store: Store, told: Told, run_ids: Sequence[str]
) -> tuple[dict[str, TakenRun], str | None]:
    """Return the tickets of those runs that were not deleted, and the registry's revision at the time.

    The journal's ``store`` is in the same database; ``told`` learns how long its writes take.
    """
    dialect = work.connection.dialect.name
    asked = {"ids": texts(dialect, run_ids)}
    rows = work.connection.execute(_finding(dialect), asked).all()
    tickets = {row.id: _ticket(row, store, told) for row in rows}
    return tickets, rows[0].revision if rows else None


@cache
def _finding(dialect: str) -> sa.Executable:
    joined = RUNS.outerjoin(QUEUE, QUEUE.c.run == RUNS.c.id)
    mine = among(dialect, RUNS.c.id, "ids")
    return sa.select(*_COLUMNS, revision()).select_from(joined).where(mine)


def _ticket(row: Any, store: Store, told: Told) -> TakenRun:
    return TakenRun(
        store=store,
        told=told,
        run_id=row.id,
        tenant=row.tenant,
        workflow=row.workflow,
        text=row.document,
        stored_name=None if row.version is None else row.workflow,
        params=json.loads(row.params),
        ended=row.status != Status.WAIT.value,
        cancelled=row.cancel == 1,
        trace=row.trace,
        fresh=row.epoch == 0,
    )
