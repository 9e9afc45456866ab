"""Runs that are rows, in the database that the scheduler works on: submitted, counted and ended for real, and never executed."""

import json
from collections.abc import Callable, Sequence
from threading import Event
from typing import Any

import sqlalchemy as sa

from blockyard_platform.service.registry import submissions, usage, workflows
from blockyard_platform.service.registry.access import Scope
from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.service.registry.database import Database, Reading, Writing
from blockyard_platform.service.runs.orders import Accepted, Order, RefusedError
from blockyard_platform.service.runs.settling import Ended
from blockyard_platform.service.scheduler.endings import on_runs_ended
from blockyard_schemas.problems import Problem
from blockyard_schemas.statuses import Status

RECORDED = sa.Table(
    "recorded",
    sa.MetaData(),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("id", sa.String(100), unique=True),
    sa.Column("tenant", sa.String(63)),
    sa.Column("workflow", sa.String(100)),
    sa.Column("params", sa.Text),
    sa.Column("origin", sa.String(300)),
    sa.Column("depth", sa.Integer),
    sa.Column("status", sa.String(10)),
)


def nothing(_: Order) -> None:
    """Do nothing around a submission."""


class Killed(BaseException):
    """The process is gone."""


class Recording:
    """The seam, over rows. ``before`` and ``after`` are called around each submission; they may raise."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.before: Callable[[Order], None] = nothing
        self.after: Callable[[Order], None] = nothing
        self.errors: list[tuple[str, Exception]] = []
        self.told = Event()
        self.let: list[str] = []
        with database.writing() as work:
            RECORDED.create(work.connection, checkfirst=True)

    def submit(self, caller: Caller, order: Order) -> Accepted:
        self.before(order)
        if "refuse" in order.params:
            raise RefusedError((Problem("param", "/params/refuse", "no such param"),))
        assert order.workflow is not None
        assert order.key is not None
        with self.database.writing() as work:
            workflows.read(work, caller, order.tenant, order.workflow)
            self._count_alone(work)
            number = work.connection.scalar(sa.select(sa.func.count()).select_from(RECORDED)) or 0
            digest = workflows.digest_of(json.dumps({"p": dict(order.params)}))
            run = f"run-{order.tenant}-{number + 1}"
            claim = submissions.claim(work, caller, order.tenant, order.key, digest, run)
            if claim.new:
                usage.take_runs(work, caller, order.tenant)
                self._insert(work, run, order)
        self.after(order)
        return Accepted(claim.run, claim.new)

    def cancel(self, caller: Caller, tenant: str, run_id: str) -> None:
        self.end(run_id, "CANCEL")

    def active(self, work: Reading, tenant: str, origin: str) -> Sequence[str]:
        mine = (RECORDED.c.tenant == tenant, RECORDED.c.origin == origin)
        wanted = sa.select(RECORDED.c.id).where(*mine, RECORDED.c.status == "WAIT")
        return list(work.connection.execute(wanted.order_by(RECORDED.c.seq)).scalars())

    def ended(self, work: Reading, runs: Sequence[str]) -> Sequence[str]:
        open_ = sa.select(RECORDED.c.id).where(RECORDED.c.status == "WAIT", RECORDED.c.id.in_(runs))
        left = set(work.connection.execute(open_).scalars())
        return [run for run in runs if run not in left]

    def let_in(self, work: Writing, scope: Scope, runs: Sequence[str]) -> None:
        self.let += runs

    def end(self, run_id: str, status: str = "SUCCESS", **outputs: Any) -> None:
        """End a run, as the service does: the row and what follows in one transaction."""
        with self.database.writing() as work:
            row = work.connection.execute(sa.select(RECORDED).where(RECORDED.c.id == run_id)).one()
            if row.status == "WAIT":
                mine = RECORDED.c.id == run_id
                work.change(sa.update(RECORDED).where(mine).values(status=status))
                told = Ended(
                    run_id,
                    row.tenant,
                    row.workflow,
                    Status(status),
                    row.origin,
                    row.depth,
                    None,
                    0.0,
                    0.0,
                    outputs,
                )
                on_runs_ended(work, [told], self)

    def rows(self) -> list[Any]:
        """Return all runs, the oldest first."""
        with self.database.reading() as work:
            return list(work.connection.execute(sa.select(RECORDED).order_by(RECORDED.c.seq)))

    def seen(self) -> list[tuple[str, str, str, dict[str, Any]]]:
        """Return tenant, workflow, origin and params of all runs."""
        return [(it.tenant, it.workflow, it.origin, json.loads(it.params)) for it in self.rows()]

    def failed(self, what: str, error: Exception) -> None:
        self.errors.append((what, error))
        self.told.set()

    def _count_alone(self, work: Writing) -> None:
        """Let no other submission count the runs before this one is there: two would have one number."""
        if work.connection.dialect.name != "sqlite":
            work.connection.execute(sa.select(sa.func.pg_advisory_xact_lock(1)))

    def _insert(self, work: Writing, run: str, order: Order) -> None:
        row: dict[str, Any] = {
            "id": run,
            "tenant": order.tenant,
            "workflow": order.workflow,
            "status": "WAIT",
        }
        row |= {
            "params": json.dumps(dict(order.params)),
            "origin": order.origin,
            "depth": order.depth,
        }
        work.change(sa.insert(RECORDED).values(row))
