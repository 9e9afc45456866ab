"""Runs are looked at, cancelled, answered, done again and deleted, by those who may."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from blockyard_platform.service.dispatch import runs as queue
from blockyard_platform.service.dispatch.port import State as Queued
from blockyard_platform.service.dispatch.tables import QUEUE
from blockyard_platform.service.registry import policies, usage
from blockyard_platform.service.registry.database import Reading
from blockyard_platform.service.registry.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    QuotaError,
)
from blockyard_platform.service.registry.paging import Ask
from blockyard_platform.service.runs import details, parking, reading
from blockyard_platform.service.runs.reading import Filter
from blockyard_platform.service.runs.settling import end
from blockyard_platform.service.runs.tables import EVENTS, WAITS
from blockyard_platform.service.runs.views import State
from blockyard_platform.store.tables import RECORDS, RUNS
from blockyard_platform.waits import Waiting
from blockyard_schemas.statuses import Status

from .conftest import ADMIN, ANT, BEE, Desk, by

LONG = """
name: long
params: {n: {type: integer, default: 1}}
stages: [{id: a, echo: x}, {id: b, echo: "${{ params.n }}"}, {id: c, echo: z}]
"""


def state(desk: Desk, run_id: str) -> tuple[str, str]:
    with desk.database.reading() as work:
        row = reading.read(work, ANT, "ant", run_id).row
    return row.state.value, row.status.value


def set_queue(desk: Desk, run_id: str, **values: Any) -> None:
    with desk.database.writing() as work:
        work.change(sa.update(QUEUE).where(QUEUE.c.run == run_id).values(**values))


def finish(desk: Desk, run_id: str, status: Status = Status.FAILED) -> None:
    """Do as a worker: take the run, record its stages, end it, settle it."""
    journal, _ = desk.store.take(run_id)
    journal.close()
    with desk.database.writing() as work:
        for seq, path in enumerate(["a", "b", "c"]):
            row = {"run": run_id, "path": path, "id": path, "kind": "empty", "seq": seq + 1}
            row |= {"status": "SUCCESS", "code": 0, "outputs": '{"n": 1}', "started": 5.0}
            row |= {"seconds": 0.5, "attempts": 1, "cpu_seconds": 0.25 * (seq + 1)}
            work.connection.execute(sa.insert(RECORDS).values(**row))
        end(work, run_id, status)
        assert desk.settler.settle(work, run_id) is not None
        assert desk.settler.settle(work, run_id) is None
        work.change(sa.update(QUEUE).where(QUEUE.c.run == run_id).values(state="ENDED"))


def test_runs_are_listed_in_pages_and_by_what_they_are(desk: Desk) -> None:
    names: list[str] = []
    for number in range(5):
        desk.clock.now += 1
        names.append(desk.submit(origin=f"schedule/{number % 2}"))
    finish(desk, names[0], Status.SUCCESS)
    set_queue(desk, names[1], state="RUNNING")
    set_queue(desk, names[2], state="ENDED")
    with desk.database.reading() as work:
        first = reading.page(work, ANT, "ant", ask=Ask(None, 3))
        second = reading.page(work, ANT, "ant", ask=Ask(first.next, 3))
        assert [it.id for it in (*first.items, *second.items)] == names[::-1]
        assert second.next is None
        for wanted, count in (
            (Filter(state=State.QUEUED), 2),
            (Filter(state=State.RUNNING), 1),
            (Filter(state=State.WAITING), 1),
            (Filter(state=State.ENDED), 1),
            (Filter(status=Status.SUCCESS), 1),
            (Filter(status=Status.WAIT), 4),
            (Filter(origin="schedule/1"), 2),
            (Filter(workflow="report"), 5),
            (Filter(workflow="other"), 0),
            (Filter(since=desk.clock.now), 1),
            (Filter(before=desk.clock.now), 4),
        ):
            assert len(reading.page(work, ANT, "ant", wanted).items) == count
        assert reading.page(work, BEE).items == ()
        with pytest.raises(NotFoundError):
            reading.page(work, BEE, "ant")


def test_a_run_that_waits_for_a_slot_is_cancelled_at_once(desk: Desk) -> None:
    run_id = desk.submit()
    desk.runs.cancel(ANT, "ant", run_id, "no need")
    assert state(desk, run_id) == ("ended", "CANCEL")
    assert [(it.run_id, it.status) for it in desk.ended] == [(run_id, Status.CANCEL)]
    desk.runs.cancel(ANT, "ant", run_id)
    assert len(desk.ended) == 1


def test_a_run_at_work_is_told_and_ends_where_it_is(desk: Desk) -> None:
    run_id = desk.submit()
    set_queue(desk, run_id, state="RUNNING", worker="w")
    desk.runs.cancel(ANT, "ant", run_id)
    assert state(desk, run_id) == ("running", "WAIT")
    with desk.database.reading() as work:
        assert work.connection.scalar(sa.select(QUEUE.c.cancel)) == 1


def test_who_had_a_cancelled_run_writes_no_more(desk: Desk) -> None:
    run_id = desk.submit()
    journal, _ = desk.store.take(run_id)
    set_queue(desk, run_id, state="ENDED")  # parked
    desk.runs.cancel(ANT, "ant", run_id)
    with pytest.raises(Exception, match="another process"):
        journal.pinned("x", "y")
    journal.close()


def test_a_run_is_settled_once_with_its_seconds(desk: Desk) -> None:
    run_id = desk.submit()
    finish(desk, run_id)
    with desk.database.reading() as work:
        used = usage.today(work, ANT, "ant")
        told = details.events(work, ANT, "ant", run_id)
        stages = details.stages(work, ANT, "ant", run_id, Ask(None, 2))
    assert (used.runs, used.cpu_seconds) == (1, 0.75)
    assert [(it.kind, it.data["status"]) for it in told] == [("run-finished", "FAILED")]
    assert [it.path for it in stages.items] == ["a", "b"]
    assert stages.next is not None


def allowed(desk: Desk, rules: str) -> None:
    with desk.database.writing() as work:
        policies.put(work, ADMIN, "ant", f"{{service: {rules}}}")


def test_runs_are_done_again_no_faster_than_they_come_in(desk: Desk) -> None:
    allowed(desk, "{rate_per_minute: 3}")
    runs = [desk.submit() for _ in range(3)]
    for run_id in runs:
        finish(desk, run_id)
    with pytest.raises(QuotaError, match="more than 3 runs a minute"):
        desk.runs.resume(ANT, "ant", runs[0])
    assert state(desk, runs[0]) == ("ended", "FAILED")
    desk.clock.now += 60
    for run_id in runs:
        desk.runs.resume(ANT, "ant", run_id)
    with pytest.raises(QuotaError):
        desk.submit()


def test_a_run_that_is_done_again_waits_among_the_others(desk: Desk) -> None:
    allowed(desk, "{queue: 2}")
    runs = [desk.submit() for _ in range(2)]
    for run_id in runs:
        finish(desk, run_id)
    desk.runs.resume(ANT, "ant", runs[0])
    desk.submit()
    with pytest.raises(QuotaError, match="has 2 runs waiting"):
        desk.runs.resume(ANT, "ant", runs[1])
    assert state(desk, runs[1]) == ("ended", "FAILED")


def test_a_run_is_done_again_from_a_stage_with_other_params(desk: Desk) -> None:
    run_id = desk.submit(workflow=None, document=LONG)
    with pytest.raises(ConflictError, match="has not ended"):
        desk.runs.resume(ANT, "ant", run_id)
    finish(desk, run_id)
    with pytest.raises(InvalidError, match="has not run a stage 'x'"):
        desk.runs.resume(ANT, "ant", run_id, start="x")
    desk.runs.resume(ANT, "ant", run_id, start="b", params={"n": 2})
    assert state(desk, run_id) == ("queued", "WAIT")
    with desk.database.reading() as work:
        assert reading.read(work, ANT, "ant", run_id).params == {"n": 2}
        paths = list(work.connection.scalars(sa.select(RECORDS.c.path)))
    assert paths == ["a"]
    journal, past = desk.store.take(run_id)
    journal.close()
    assert (list(past.records), past.again, past.cpu_seconds) == (["a"], True, 0.75)
    with desk.database.writing() as work:
        end(work, run_id, Status.SUCCESS)
        desk.settler.settle(work, run_id)
        assert usage.today(work, ANT, "ant").cpu_seconds == 0.75  # charged once


def test_a_run_is_done_again_from_its_beginning(desk: Desk) -> None:
    run_id = desk.submit(workflow=None, document=LONG)
    finish(desk, run_id)
    desk.runs.resume(ANT, "ant", run_id, reset=True)
    journal, past = desk.store.take(run_id)
    journal.close()
    assert past.records == {}
    assert past.cpu_seconds == 0.75


def test_a_run_that_has_ended_is_deleted_with_all_that_is_known_of_it(desk: Desk) -> None:
    run_id = desk.submit()
    with pytest.raises(ConflictError):
        desk.runs.delete(ANT, "ant", run_id)
    finish(desk, run_id)
    desk.runs.delete(ANT, "ant", run_id)
    with desk.database.reading() as work:
        for table in (RUNS, RECORDS, EVENTS, QUEUE, WAITS):
            assert list(work.connection.execute(sa.select(table))) == []
        with pytest.raises(NotFoundError):
            reading.read(work, ANT, "ant", run_id)


def test_a_run_is_deleted_as_soon_as_it_is_seen_to_have_ended(desk: Desk) -> None:
    """Its worker notes only then in the queue that it is at work no more, and finds nothing to note."""
    run_id = desk.submit()
    set_queue(desk, run_id, state="RUNNING", number=1)
    with pytest.raises(ConflictError):
        desk.runs.delete(ANT, "ant", run_id)
    finish(desk, run_id)
    set_queue(desk, run_id, state="RUNNING")
    assert state(desk, run_id) == ("ended", "FAILED")
    desk.runs.delete(ANT, "ant", run_id)
    with desk.database.writing() as work:
        assert queue.end(work.connection, [queue.Claim(run_id, 1, 0)], Queued.ENDED) == []
        assert list(work.connection.execute(sa.select(QUEUE))) == []


def test_others_see_and_change_nothing(desk: Desk) -> None:
    run_id = desk.submit()
    for caller, error in ((BEE, NotFoundError), (by("viewer", "ant"), ForbiddenError)):
        for change in (desk.runs.cancel, desk.runs.delete, desk.runs.resume):
            with pytest.raises(error):
                change(caller, "ant", run_id)
    for tenant in ("ant", "bee"):
        with desk.database.reading() as work:
            for look in (reading.read, details.document, details.stages, details.events):
                with pytest.raises(NotFoundError):
                    look(work, BEE, tenant, run_id)
    for wrong in ("", "x" * 200, "../x", "a\x00", "no-such"):
        with pytest.raises(NotFoundError):
            desk.runs.cancel(ANT, "ant", wrong)
    assert state(desk, run_id) == ("queued", "WAIT")


def test_a_parked_run_comes_back_at_its_moment(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def clock(work: Reading) -> float:
        return work.now

    monkeypatch.setattr(parking, "clock", clock)
    run_id = desk.submit()
    set_queue(desk, run_id, state="ENDED")
    due = desk.clock.now + 60
    with desk.database.writing() as work:
        waits = [Waiting("w", "timer", 0.0, due), Waiting("v", "timer", 0.0, due + 60)]
        assert not parking.park(work, run_id, waits, desk.signals)
        assert parking.next_due(work) == due
        assert parking.due(work) == ()
    assert state(desk, run_id) == ("waiting", "WAIT")
    desk.clock.now = due
    with desk.database.writing() as work:
        assert parking.due(work) == (run_id,)
        assert parking.wake(work, run_id)
        assert parking.due(work) == ()
        assert parking.next_due(work) == due + 60
    assert state(desk, run_id) == ("queued", "WAIT")
    with desk.database.writing() as work:
        come = [Waiting("w", "timer", 0.0, due - 1)]
        assert parking.park(work, run_id, come, desk.signals)


def test_a_clock_that_is_put_back_before_a_run_parks_keeps_it_no_longer(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait began by a clock that is right again, or was right and is wrong now."""
    true = desk.clock.now

    def clock(work: Reading) -> float:
        del work
        return true

    monkeypatch.setattr(parking, "clock", clock)
    run_id = desk.submit()
    set_queue(desk, run_id, state="ENDED")
    for since, now in ((true + 3600, true), (true, true - 3600)):
        desk.clock.now = now
        with desk.database.writing() as work:
            waits = [Waiting("w", "timer", since, since + 6, since + 60)]
            assert not parking.park(work, run_id, waits, desk.signals)
            assert parking.next_due(work) == true + 6


@pytest.mark.parametrize("seconds", [0.0, 1.5])
def test_what_is_counted_is_locked_in_one_order(desk: Desk, seconds: float) -> None:
    run_id = desk.submit()
    locked: list[str] = []

    def note(_: object, __: object, statement: str, *more: object) -> None:
        locked.extend(it for it in ("stored", "usage") if statement.startswith(f"INSERT INTO {it}"))

    event.listen(desk.database.engine, "before_cursor_execute", note)
    with desk.database.writing() as work:
        values = {"status": "SUCCESS", "cpu_seconds": seconds}
        work.change(sa.update(RUNS).where(RUNS.c.id == run_id).values(**values))
        assert desk.settler.settle(work, run_id) is not None
    event.remove(desk.database.engine, "before_cursor_execute", note)
    assert locked == ["stored", "usage"]  # in two orders, two ends would wait for each other
