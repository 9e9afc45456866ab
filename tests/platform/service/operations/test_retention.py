"""Retention: what is old goes, in small steps, and nothing else, whoever else is at work."""

import json
import threading
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine

from blockyard_platform.engine.journal import Marks
from blockyard_platform.results import RunResult
from blockyard_platform.service.dispatch.tables import QUEUE
from blockyard_platform.service.operations.blobs import delete_unused
from blockyard_platform.service.operations.purger import Purger
from blockyard_platform.service.operations.purging import GONE, Purged, purge_runs
from blockyard_platform.service.operations.retention import Retention
from blockyard_platform.service.registry import policies, submissions, usage
from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.service.registry.database import Database, Writing
from blockyard_platform.service.running import DELIVERIES
from blockyard_platform.service.runs.tables import EVENTS
from blockyard_platform.service.scheduler.tables import OUTGOING
from blockyard_platform.store.journal import SqlJournal
from blockyard_platform.store.store import Store
from blockyard_platform.store.tables import BLOBS, PINS, RECORDS, RUNS, STARTS
from blockyard_schemas.statuses import Status

from ...store.test_store import record
from ..registry.conftest import ADMIN, DOCUMENT, SERVICE, START, Clock

DAY = 86_400.0
LONG = "x" * 5_000
"""An output that is kept as a blob."""


class Runs:
    """Makes runs that ended at some time."""

    def __init__(self, database: Database) -> None:
        self.database = database
        with database.reading() as work:
            self.engine = work.connection.engine
        self.store = Store(self.engine)

    def make(self, run_id: str, *, tenant: str = "ant", days: float = 40.0, **more: Any) -> None:
        """Make a run that ended so many days ago, with so many ``records``, one of them a blob, and ``events``."""
        journal = self.store.create(run_id, "report", {"name": "report"}, {})
        journal.pinned("image:a", "v")
        journal.started("open", 1.0)
        for number in range(more.get("records", 2)):
            text = more.get("text", LONG) if number == 0 else "short"
            journal.finished(record(f"s{number}", {"text": text}), Marks())
        journal.ended(RunResult(run_id, "report", Status.SUCCESS))
        journal.close()
        ended = START - days * DAY
        rows = [
            {"run": run_id, "seq": it, "at": ended, "kind": "log", "path": "a", "data": "{}"}
            for it in range(more.get("events", 3))
        ]
        with self.database.writing() as work:
            values: dict[str, Any] = {"tenant": tenant, "ended": ended, "settled": 1}
            values |= more.get("values", {})
            work.change(sa.update(RUNS).where(RUNS.c.id == run_id).values(**values))
            if rows:
                work.connection.execute(sa.insert(EVENTS), rows)

    def queue(self, run_id: str, state: str) -> None:
        row = {"run": run_id, "tenant": "ant", "state": state, "rank": 0, "number": 1}
        row |= {"failures": 0, "cancel": 0, "again": 0, "submitted": 1.0}
        with self.database.writing() as work:
            work.connection.execute(sa.insert(QUEUE), row)

    def left(self) -> list[str]:
        with self.database.reading() as work:
            return sorted(work.connection.scalars(sa.select(RUNS.c.id)))

    def count(self, table: sa.Table) -> int:
        with self.database.reading() as work:
            return work.connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


@pytest.fixture
def runs(database: Database) -> Runs:
    return Runs(database)


def keep(database: Database, tenant: str, **days: float | None) -> None:
    with database.writing() as work:
        rules = {f"{name}_days": value for name, value in days.items()}
        policies.put(work, ADMIN, tenant, json.dumps({"retention": rules}))


def test_each_tenant_keeps_its_runs_for_so_long(database: Database, runs: Runs) -> None:
    keep(database, "ant", runs=10)
    keep(database, "bee", runs=None, logs=None)
    for tenant in ("ant", "bee"):
        runs.make(f"{tenant}-old", tenant=tenant, days=11)
        runs.make(f"{tenant}-new", tenant=tenant, days=9, text=LONG + tenant)
    runs.queue("ant-old", "ENDED")
    found = Retention(database).purge_all()
    assert runs.left() == ["ant-new", "bee-new", "bee-old"]
    # The blob of the run that went is that of bee's, too; ant's newer run lost its events, as seven days are the default.
    assert (found.runs, found.records, found.blobs) == (1, 2, 0)
    assert found.events == 3 + 3
    assert runs.count(EVENTS) == 6
    assert (runs.count(QUEUE), runs.count(STARTS), runs.count(PINS)) == (0, 3, 3)
    assert Retention(database).purge_all() == Purged()
    keep(database, "bee", runs=1)
    found = Retention(database).purge_all()
    assert (found.runs, found.blobs) == (2, 2)
    assert runs.count(BLOBS) == 1


def test_what_is_not_over_is_kept(database: Database, runs: Runs) -> None:
    for name, values in {
        "waits": {"status": "WAIT", "ended": None},
        "again": {"status": "WAIT"},
        "unsettled": {"settled": 0},
        "local": {"tenant": None},
    }.items():
        runs.make(name, values=values)
    for state in ("QUEUED", "RUNNING", "DELAYED"):
        runs.make(state)
        runs.queue(state, state)
    assert Retention(database).purge_all().runs == 0
    assert len(runs.left()) == 7


def test_a_step_deletes_only_so_many_rows(database: Database, runs: Runs) -> None:
    runs.make("big", records=95, events=45)
    runs.make("small", days=39)
    counts: list[int] = []
    steps: list[Purged] = []

    def counted(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        if statement.lstrip().upper().startswith(("DELETE", "WITH")):
            counts.append(cursor.rowcount)

    event.listen(Engine, "after_cursor_execute", counted)
    found = Retention(database, at_once=20, told=lambda _, it: steps.append(it)).purge("ant")
    event.remove(Engine, "after_cursor_execute", counted)
    assert (found.runs, found.records, found.events, found.blobs) == (2, 97, 48, 1)
    assert max(counts) <= 20
    assert max(it.records for it in steps) == 20
    assert sum(steps, Purged()) == found
    assert runs.left() == []
    assert {it.name: runs.count(it) for it in (RECORDS, STARTS, PINS, EVENTS, BLOBS)} == {
        "records": 0,
        "starts": 0,
        "pins": 0,
        "events": 0,
        "blobs": 0,
    }


def test_a_run_of_which_a_part_is_gone_cannot_be_done_again(database: Database, runs: Runs) -> None:
    runs.make("big", records=30)
    with database.writing() as work:
        gone, more = purge_runs(work, "ant", START, 10)
    assert (gone.records, more) == (10, True)
    assert runs.store.read("big").document == json.loads(GONE)
    assert Retention(database).purge("ant").runs == 1


def test_a_purge_that_was_stopped_is_taken_up(database: Database, runs: Runs) -> None:
    for number in range(120):
        runs.make(f"r{number:03}", events=0)
    stopped = Retention(database, told=lambda _, __: stopped.stop())
    assert stopped.purge_all().runs == 50
    assert stopped.purge_all() == Purged()
    assert Retention(database).purge_all().runs == 70


def test_two_that_purge_at_once_do_it_once(database: Database, runs: Runs) -> None:
    for number in range(120):
        runs.make(f"r{number:03}", text=LONG + str(number % 7))
    begin, found, failed = threading.Barrier(3, timeout=120), list[Purged](), list[Exception]()

    def work() -> None:
        try:
            begin.wait()
            found.append(Retention(database, at_once=30).purge_all())
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failed == []
    found.append(Retention(database).purge_all())
    whole = sum(found, Purged())
    assert (whole.runs, whole.records, whole.events, whole.blobs) == (120, 240, 360, 7)
    assert (runs.left(), runs.count(BLOBS), runs.count(EVENTS)) == ([], 0, 0)


@pytest.mark.parametrize(("after", "deleted"), [("records", 1), ("blobs", 0)])
def test_a_blob_that_is_about_to_be_used_again_is_kept_or_comes_back(
    postgres: str, database: Database, runs: Runs, after: str, deleted: int
) -> None:
    """A purge comes before the journal's record is committed: it deletes the blob that is not locked yet, or waits."""
    if runs.engine.dialect.name == "sqlite":
        return  # which has one writer: one of the two waits
    runs.make("old")
    journal = runs.store.create("new", "report", {}, {})
    raced: list[threading.Thread] = []
    gone: list[Purged] = []
    waits = sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")

    def purge() -> None:
        gone.append(Retention(database).purge("ant"))

    def between(connection: Any, clause: Any, *_: Any) -> None:
        if raced or f"INSERT INTO {after}" not in str(clause):
            return
        raced.append(threading.Thread(target=purge))
        raced[0].start()
        with runs.engine.connect() as other:
            while raced[0].is_alive() and not other.scalar(waits):
                other.rollback()

    event.listen(runs.engine, "after_execute", between)
    journal.finished(record("s0", {"text": LONG}), Marks())
    event.remove(runs.engine, "after_execute", between)
    raced[0].join()
    journal.close()
    assert [(it.runs, it.blobs) for it in gone] == [(1, deleted)]
    taken, past = runs.store.take("new")
    taken.close()
    assert past.records["s0"].outputs == {"text": LONG}
    assert runs.count(BLOBS) == 1


def test_blobs_that_nothing_uses_are_swept(database: Database, runs: Runs) -> None:
    for number in range(12):
        runs.make(f"r{number}", days=1, text=LONG + str(number))
    for number in range(8):
        runs.store.reset(f"r{number}", {})
    found = Retention(database, at_once=5).sweep_blobs()
    assert (found.blobs, runs.count(BLOBS)) == (8, 4)
    with database.writing() as work:
        assert delete_unused(work, []) == 0


def test_uses_of_blobs_are_found_by_an_index(database: Database, runs: Runs) -> None:
    with database.writing() as work:
        if runs.engine.dialect.name != "sqlite":
            work.connection.exec_driver_sql("SET LOCAL enable_seqscan TO off")
        plan = "EXPLAIN" if runs.engine.dialect.name != "sqlite" else "EXPLAIN QUERY PLAN"
        unused = "SELECT 1 FROM blobs WHERE NOT EXISTS (SELECT 1 FROM records WHERE records.blob = blobs.digest)"
        told = " ".join(str(row) for row in work.connection.exec_driver_sql(f"{plan} {unused}"))
    assert "ix_records_blob" in told


def test_keys_and_deliveries_go_by_their_age(database: Database, runs: Runs) -> None:
    keep(database, "ant", keys=2, deliveries=3)
    with database.writing() as work:
        for number in range(10):
            claimed = submissions.claim(
                work, Caller.service("ant"), "ant", f"k{number}", "d" * 64, f"r{number}"
            )
            assert claimed.new
            for tenant in ("ant", "bee"):
                for due in (None, START):
                    send(work, tenant, START - number * DAY, due)
    clock: Any = database._now  # pyright: ignore[reportPrivateUsage]
    assert isinstance(clock, Clock)
    found = Retention(database, deliveries=DELIVERIES, at_once=4).purge("ant")
    assert (found.keys, found.others) == (0, 6)
    clock.now = START + 2.5 * DAY
    assert Retention(database, at_once=4).purge("ant").keys == 10
    with database.reading() as work:
        left = sa.select(OUTGOING.c.tenant, OUTGOING.c.due, sa.func.count())
        rows = work.connection.execute(left.group_by(OUTGOING.c.tenant, OUTGOING.c.due))
        # What is still to be sent stays, however old it is.
        assert sorted(map(tuple, rows), key=str) == [
            ("ant", START, 10),
            ("ant", None, 4),
            ("bee", START, 10),
            ("bee", None, 10),
        ]


def send(work: Writing, tenant: str, made: float, due: float | None) -> None:
    row: dict[str, Any] = {"id": uuid4().hex, "tenant": tenant, "subscription": "s", "body": "{}"}
    row |= {"event": "run.failed", "made": made, "due": due, "lease": 0.0, "tries": 1}
    work.connection.execute(sa.insert(OUTGOING), row)


def test_what_was_stored_is_given_back(database: Database, runs: Runs) -> None:
    """What was counted at a run's end, and neither more nor less."""
    with database.writing() as work:
        usage.keep_bytes(work, SERVICE, "ant", 100_000)
    for number in range(3):
        runs.make(f"r{number}", values={"stored": 7_000 + number})
    found = Retention(database, at_once=5).purge("ant")
    assert (found.runs, found.bytes) == (3, 21_003)
    with database.reading() as work:
        assert usage.stored(work, SERVICE, "ant") == 100_000 - 21_003 + len(DOCUMENT)


def test_logs_of_runs_that_are_done_anew_are_kept(database: Database, runs: Runs) -> None:
    keep(database, "ant", logs=5)
    runs.make("r1", days=6)
    retention = Retention(database)
    assert retention.purge("ant").events == 3
    runs.make("r2", days=6)
    with database.writing() as work:
        work.change(sa.update(RUNS).where(RUNS.c.id == "r2").values(ended=None, status="WAIT"))
    assert retention.purge("ant").events == 0
    assert runs.count(EVENTS) == 3


def test_no_journal_is_disturbed(database: Database, runs: Runs) -> None:
    """A run that is under way writes between the steps of a purge, and is not touched."""
    for number in range(60):
        runs.make(f"r{number}", text=LONG)
    journal: SqlJournal = runs.store.create("now", "report", {}, {})
    written: list[int] = []

    def write(*_: Any) -> None:
        written.append(len(written))
        journal.finished(record(f"s{len(written)}", {"text": LONG}), Marks())

    found = Retention(database, at_once=25, told=write).purge("ant")
    journal.close()
    assert found.runs == 60
    taken, past = runs.store.take("now")
    taken.close()
    assert len(past.records) == len(written) > 3
    assert {it.outputs["text"] for it in past.records.values()} == {LONG}


def test_the_purger_forgets_and_then_tidies_until_nothing_is_left(
    database: Database, runs: Runs
) -> None:
    runs.make("old")
    done = threading.Event()
    left = [2, 1, 0]

    def tidy() -> int:
        assert runs.left() == []
        count = left.pop(0)
        if not left:
            done.set()
        return count

    purger = Purger(Retention(database), tidy, first=0.01)
    assert done.wait(120)
    purger.close()
    assert left == []
