"""Runs that end together are settled together: each once, with all that follows, whatever becomes of the others."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from blockyard_platform.results import RunResult
from blockyard_platform.service.gathering import Gathered
from blockyard_platform.service.registry import usage
from blockyard_platform.service.registry.database import Writing
from blockyard_platform.service.runs import details, reading
from blockyard_platform.service.runs.eventlog import Voice, write
from blockyard_platform.service.runs.orders import Order
from blockyard_platform.service.runs.outcomes import Outcome
from blockyard_platform.service.runs.settling import Ended, Settler, end
from blockyard_platform.service.runs.tables import EVENTS, WAITS
from blockyard_platform.store.tables import BLOBS, RECORDS, RUNS
from blockyard_schemas.statuses import Status

from ..registry.conftest import DOCUMENT
from .conftest import BEE, SERVICE, Desk

BLOB = b'{"text": "' + 5_000 * b"x" + b'"}'
PROBLEM = "a follower has failed"


def begun(desk: Desk, tenant: str = "ant", seconds: float = 0.25) -> Outcome:
    """Do as a worker: take a run, record a stage with a blob and one without, and have it wait; return what it has come to."""
    order = Order(tenant, "report")
    run_id = desk.submit() if tenant == "ant" else desk.runs.submit(BEE, order).run_id
    journal, _ = desk.store.take(run_id)
    journal.close()
    with desk.database.writing() as work:
        blob = {"digest": run_id[:36], "data": BLOB}
        work.connection.execute(sa.insert(BLOBS).values(**blob))
        for seq, path in enumerate(["a", "b"], 1):
            row = {"run": run_id, "path": path, "id": path, "kind": "empty", "seq": seq}
            row |= {"status": "SUCCESS", "code": 0, "started": 5.0, "seconds": 0.5, "attempts": 1}
            row |= {"cpu_seconds": seconds * seq}
            row |= {"blob": run_id[:36]} if path == "b" else {"outputs": '{"n": 1}'}
            work.connection.execute(sa.insert(RECORDS).values(**row))
        wait = {"run": run_id, "path": "w", "kind": "timer", "due": 5.0, "asked": "{}"}
        work.connection.execute(sa.insert(WAITS).values(**wait))
    result = RunResult(run_id, "report", Status.SUCCESS, outputs={"for": tenant})
    return Outcome(run_id, journal.epoch, result)


def said(outcome: Outcome, *kinds: str) -> list[dict[str, Any]]:
    """Return what a run has told."""
    voice = Voice(outcome.run_id, outcome.epoch, 100_000)
    rows = [voice.row(kind, "a", {"text": "é\\ \x00 " + kind}) for kind in kinds]
    return [row for row in rows if row is not None]


def weight(work: Writing, run_id: str) -> int:
    """Return the bytes that a run takes, counted one by one."""
    row: Any = work.connection.execute(sa.select(RUNS).where(RUNS.c.id == run_id)).one()
    count = sum(map(len, (row.document, row.params, row.result)))
    for it in work.connection.execute(sa.select(RECORDS).where(RECORDS.c.run == run_id)):
        count += len(it.outputs or "") + (len(BLOB) if it.blob else 0)
    told = sa.select(EVENTS.c.data).where(EVENTS.c.run == run_id)
    return count + sum(map(len, work.connection.scalars(told)))


def told(desk: Desk, tenant: str, run_id: str) -> list[str]:
    with desk.database.reading() as work:
        return [it.kind for it in details.events(work, SERVICE, tenant, run_id)]


def close(desk: Desk, given: Sequence[Outcome], rows: Sequence[dict[str, Any]] = ()) -> list[bool]:
    with desk.database.writing() as work:
        return desk.settler.close(work, given, rows)


def check(desk: Desk, tenant: str, outcomes: Sequence[Outcome], seconds: float) -> None:
    """See that a tenant was charged exactly what its runs have come to, and that each is settled."""
    with desk.database.writing() as work:
        weights = {it.run_id: weight(work, it.run_id) for it in outcomes}
        rows: list[Any] = list(work.connection.execute(sa.select(RUNS).where(RUNS.c.settled == 1)))
        assert {it.id: it.stored for it in rows if it.tenant == tenant} == weights
        assert {it.charged for it in rows if it.tenant == tenant} == {seconds}
        assert usage.stored(work, SERVICE, tenant) == sum(weights.values()) + len(DOCUMENT)
        used = usage.today(work, SERVICE, tenant)
        assert used.cpu_seconds == pytest.approx(seconds * len(outcomes))
        assert used.stored_bytes == sum(weights.values()) + len(DOCUMENT)
        assert list(work.connection.execute(sa.select(WAITS))) == []
    for it in outcomes:
        assert told(desk, tenant, it.run_id)[-1] == "run-finished"
        assert told(desk, tenant, it.run_id).count("run-finished") == 1


def test_runs_of_two_tenants_end_together(desk: Desk) -> None:
    ants = [begun(desk) for _ in range(3)]
    bees = [begun(desk, "bee", 0.5) for _ in range(2)]
    rows = [*said(ants[1], "one", "two"), *said(bees[0], "three")]
    assert close(desk, [bees[1], *ants, bees[0]], rows) == [True] * 5
    check(desk, "ant", ants, 0.5)
    check(desk, "bee", bees, 1.0)
    assert told(desk, "ant", ants[1].run_id) == ["one", "two", "run-finished"]
    assert told(desk, "bee", bees[0].run_id) == ["three", "run-finished"]
    found = {it.run_id: it for it in desk.ended}
    assert {it: (found[it].tenant, found[it].outputs) for it in found} == {
        it.run_id: (name, {"for": name})
        for name, some in (("ant", ants), ("bee", bees))
        for it in some
    }
    with desk.database.reading() as work:
        shown = reading.read(work, SERVICE, "bee", bees[0].run_id)
    assert (shown.row.status, shown.outputs) == (Status.SUCCESS, {"for": "bee"})


def test_what_others_have_ended_or_taken_keeps_no_run_of_the_group_back(desk: Desk) -> None:
    mine, lost, cancelled, over, again = (begun(desk) for _ in range(5))
    desk.store.take(lost.run_id)[0].close()
    with desk.database.writing() as work:
        end(work, cancelled.run_id, Status.CANCEL)
    assert close(desk, [over]) == [True]
    gone = Outcome("no-such", 1, mine.result)
    given = [gone, lost, cancelled, Outcome(over.run_id), mine, Outcome(again.run_id)]
    assert close(desk, given, said(lost, "late")) == [True, False, True, True, True, False]
    with desk.database.reading() as work:
        states = {it.run_id: reading.read(work, SERVICE, "ant", it.run_id) for it in given[1:]}
    assert [it.row.status.value for it in states.values()] == [
        "WAIT",
        "CANCEL",
        "SUCCESS",
        "SUCCESS",
        "WAIT",
    ]
    assert told(desk, "ant", lost.run_id) == ["late"]
    assert told(desk, "ant", again.run_id) == []
    assert [it.run_id for it in desk.ended[:1]] == [over.run_id]
    assert {it.run_id for it in desk.ended[1:]} == {mine.run_id, cancelled.run_id}
    heir = Outcome(lost.run_id, lost.epoch + 1, lost.result)
    assert close(desk, [heir, again, heir], said(heir, "new")) == [True, True, True]
    assert told(desk, "ant", lost.run_id) == ["late", "new", "run-finished"]
    check(desk, "ant", [mine, lost, cancelled, over, again], 0.5)


def test_an_end_is_told_while_something_else_is_on_its_way_to_the_disk(desk: Desk) -> None:
    """What the worker of a run has told may be written later than its end, by a thread that was held up: the end has a number of its own."""
    if desk.database.engine.dialect.name == "sqlite":
        pytest.skip("a database with one writer")
    mine = begun(desk)
    with desk.database.engine.connect() as late:
        late.execute(sa.insert(EVENTS), said(mine, "late"))
        assert close(desk, [mine]) == [True]
        late.commit()
    assert told(desk, "ant", mine.run_id) == ["late", "run-finished"]


def test_a_run_that_cannot_be_settled_keeps_no_other_back(desk: Desk) -> None:
    runs = [begun(desk) for _ in range(4)]
    bad = runs[2].run_id
    seen: list[str] = []

    def fail(_: Writing, ended: Sequence[Ended]) -> None:
        if bad in {it.run_id for it in ended}:
            raise ValueError(PROBLEM)
        seen.extend(it.run_id for it in ended)

    desk.settler = Settler(desk.signals, [fail])
    barrier = Barrier(4)
    gathered = Gathered[Outcome, bool](lambda given: close(desk, given))

    def one(outcome: Outcome) -> bool | str:
        barrier.wait()
        try:
            return gathered(outcome)
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(one, runs)) == [True, True, PROBLEM, True]
    others = [it for it in runs if it.run_id != bad]
    assert set(seen) == {it.run_id for it in others}
    with desk.database.writing() as work:
        work.change(sa.delete(WAITS).where(WAITS.c.run == bad))
    check(desk, "ant", others, 0.5)
    assert told(desk, "ant", bad) == []


def test_a_group_that_is_undone_leaves_nothing(desk: Desk) -> None:
    runs = [begun(desk) for _ in range(3)]
    rows = said(runs[0], "one")

    def die() -> None:
        with desk.database.writing() as work:
            desk.settler.close(work, runs, rows)
            raise RuntimeError("the process has died")

    with pytest.raises(RuntimeError):
        die()
    with desk.database.reading() as work:
        assert usage.stored(work, SERVICE, "ant") == len(DOCUMENT)
        assert list(work.connection.execute(sa.select(EVENTS))) == []
        assert len(list(work.connection.execute(sa.select(WAITS)))) == 3
        assert work.connection.scalar(sa.select(sa.func.sum(RUNS.c.settled))) == 0
    assert close(desk, runs, rows) == [True] * 3
    check(desk, "ant", runs, 0.5)


def test_a_commit_that_was_not_answered_counts_once(desk: Desk) -> None:
    runs = [begun(desk) for _ in range(2)]
    rows = said(runs[0], "one", "two")
    with desk.database.writing() as work:
        assert write(work, rows[:1]) == 1  # its answer was lost: the log keeps it
    assert close(desk, runs, rows) == [True, True]
    check(desk, "ant", runs, 0.5)
    assert close(desk, runs, rows) == [True, True]
    check(desk, "ant", runs, 0.5)
    assert len(desk.ended) == 2


def test_two_who_settle_the_same_runs_do_not_wait_for_each_other(desk: Desk) -> None:
    for _ in range(4):
        ants, bees = [begun(desk) for _ in range(4)], [begun(desk, "bee") for _ in range(4)]
        barrier = Barrier(2)

        def one(runs: list[Outcome], barrier: Barrier = barrier) -> list[bool]:
            barrier.wait()
            return close(desk, runs)

        with ThreadPoolExecutor(2) as threads:
            answers = list(threads.map(one, ([*ants, *bees], [*bees[::-1], *ants[::-1]])))
        assert answers == [[True] * 8, [True] * 8]
    assert len(desk.ended) == len({it.run_id for it in desk.ended}) == 32


def test_there_are_no_more_statements_for_more_runs(desk: Desk) -> None:
    def statements(count: int) -> list[str]:
        given = [begun(desk, tenant) for tenant in ("ant", "bee") for _ in range(count)]
        rows = [row for it in given for row in said(it, "one", "two")]
        found: list[str] = []

        def note(_: object, __: object, statement: str, *more: object) -> None:
            found.append(statement)

        event.listen(desk.database.engine, "before_cursor_execute", note)
        assert close(desk, given, rows) == [True] * len(given)
        event.remove(desk.database.engine, "before_cursor_execute", note)
        return found

    assert statements(1) == statements(5)
