"""Runs whose journal cannot be written for a while, or whose clock was wrong: they are taken up again, and end once."""

import json
from collections import Counter
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event, Lock
from time import time
from typing import Any

import pytest
import sqlalchemy as sa

from blockyard_platform.errors import JournalError
from blockyard_platform.service.dispatch.port import State as Queued
from blockyard_platform.service.gathering import Gathered
from blockyard_platform.service.registry import usage
from blockyard_platform.service.registry.database import Writing
from blockyard_platform.service.runs import settling
from blockyard_platform.service.runs.eventlog import EventLog, write
from blockyard_platform.service.runs.keeper import Keeper
from blockyard_platform.service.runs.outcomes import Outcome
from blockyard_platform.service.runs.settling import Settler
from blockyard_platform.service.runs.tables import WAITS
from blockyard_platform.service.runs.views import State
from blockyard_platform.service.signals import Signals
from blockyard_platform.service.worker.asking import Asking
from blockyard_platform.service.worker.executor import Executor
from blockyard_platform.service.worker.ticket import TakenRun
from blockyard_platform.service.worker.work import Work
from blockyard_platform.store import journal
from blockyard_platform.store.errors import StoreError
from blockyard_platform.store.journal import SqlJournal
from blockyard_platform.store.store import Store
from blockyard_platform.store.tables import RECORDS, RUNS, STARTS
from blockyard_platform.waits import Waiting
from blockyard_schemas.statuses import Status

from .conftest import PATIENCE, SERVICE, Place, until

TWO = "name: two\nstages: [{id: a, echo: one}, {id: b, echo: two}]\n"
NAP = "name: waits\nstages: [{id: a, wait: 5.5s}]\n"
LONG = "name: waits\nstages: [{id: a, wait: 1h}]\n"


def fail_once(monkeypatch: pytest.MonkeyPatch, name: str) -> Counter[str]:
    """Let a method of the journal fail the first time, as on a full disk; return how often it was called."""
    real, counts = getattr(SqlJournal, name), Counter[str]()

    def broken(self: SqlJournal, *given: Any) -> Any:
        counts[name] += 1
        if counts[name] == 1:
            raise JournalError("the journal cannot be written: database or disk is full")
        return real(self, *given)

    monkeypatch.setattr(SqlJournal, name, broken)
    return counts


@pytest.mark.parametrize(
    ("document", "method", "calls"),
    [(TWO, "finished", 3), (NAP, "started", 2), (LONG, "pinned", 2)],
)
def test_a_run_that_its_journal_failed_is_taken_up_again(
    here: Place, monkeypatch: pytest.MonkeyPatch, document: str, method: str, calls: int
) -> None:
    counts = fail_once(monkeypatch, method)
    run_id = here.submit(document)
    if document == LONG:
        here.reach(run_id, State.WAITING)
        here.come()
    assert here.reach(run_id).row.status is Status.SUCCESS
    assert counts[method] == calls
    ends = [it.kind for it in here.events(run_id) if it.kind == "run-finished"]
    assert ends == ["run-finished"]


def test_a_run_whose_end_could_not_be_written_ends_once(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def broken(work: Writing, rows: list[dict[str, Any]]) -> int:
        tries.append("write")
        if len(tries) == 1:
            raise StoreError("the registry cannot be used: database or disk is full")
        return write(work, rows)

    monkeypatch.setattr(settling, "write", broken)
    run_id = here.submit(TWO)
    assert here.reach(run_id).row.status is Status.SUCCESS
    assert len(tries) == 2
    ends = [it.kind for it in here.events(run_id) if it.kind == "run-finished"]
    assert ends == ["run-finished"]


def test_what_was_left_to_an_end_that_failed_is_done_again(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    wanted = sa.select(RECORDS.c.path).order_by(RECORDS.c.seq)

    def broken(work: Writing, rows: list[dict[str, Any]]) -> int:
        seen.append(list(work.connection.scalars(wanted)))
        if len(seen) == 1:
            with here.database.reading() as other:
                seen.append(list(other.connection.scalars(wanted)))
            raise StoreError("the registry cannot be used: database or disk is full")
        return write(work, rows)

    monkeypatch.setattr(settling, "write", broken)
    # A stage during which this process stood still is not written before either.
    monkeypatch.setattr(journal, "_DEAR_SECONDS", 3_600.0)
    run_id = here.submit(TWO)
    assert here.reach(run_id).row.status is Status.SUCCESS
    assert seen == [["a", "b"], ["a"], ["a", "b"]]
    begun = [it.path for it in here.events(run_id) if it.kind == "stage-started"]
    assert begun == ["a", "b", "b"]


def test_stages_of_many_runs_at_once_are_all_kept(here: Place) -> None:
    document = "name: five\nstages:\n" + "".join(f"  - {{id: s{it}, echo: x}}\n" for it in range(5))
    ids = [here.submit(document) for _ in range(12)]
    for run_id in ids:
        assert here.reach(run_id).row.status is Status.SUCCESS
    with here.database.reading() as work:
        rows = work.connection.execute(sa.select(RECORDS).order_by(RECORDS.c.run, RECORDS.c.seq))
        found = [(it.run, it.seq, it.path, it.status) for it in rows]
    stages = [(it + 1, f"s{it}", "SUCCESS") for it in range(5)]
    assert found == [(run_id, *each) for run_id in sorted(ids) for each in stages]


def test_ends_that_cannot_be_settled_together_are_settled_each_alone(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    call: Any = vars(Gathered)["__call__"]
    taken, close = EventLog.taken, Settler.close
    gathered, sizes, first, leading = list[Any](), list[int](), Lock(), Event()

    def gathering(self: Gathered[Any, Any], asked: Any) -> Any:
        if isinstance(asked, Outcome) and not first.acquire(blocking=False):
            assert leading.wait(PATIENCE)  # the first is settled alone
        if isinstance(asked, Outcome):
            gathered.append(self)
        return call(self, asked)

    @contextmanager
    def late(self: EventLog, *run_ids: str) -> Generator[list[dict[str, Any]]]:
        sizes.append(len(run_ids))
        leading.set()
        if len(sizes) == 1:
            until(lambda: len(gathered[0]._waiting) == 4 - sizes[0])
        with taken(self, *run_ids) as rows:
            yield rows

    def broken(self: Settler, work: Writing, given: Sequence[Outcome], told: Any) -> list[bool]:
        answers = close(self, work, given, told)
        if len(given) > 1:
            raise StoreError("the registry cannot be used: the connection is lost")
        return answers

    monkeypatch.setattr(Gathered, "__call__", gathering)
    monkeypatch.setattr(EventLog, "taken", late)
    monkeypatch.setattr(Settler, "close", broken)
    names = [here.submit(TWO) for _ in range(4)]
    for run_id in names:
        assert here.reach(run_id).row.status is Status.SUCCESS
        kinds = [it.kind for it in here.events(run_id)]
        assert (kinds.count("stage-finished"), kinds.count("run-finished")) == (2, 1)
        assert kinds[-1] == "run-finished"
    assert (sum(sizes[:2]), max(sizes) > 1, set(sizes[2:])) == (4, True, {1})
    with here.database.reading() as work:
        stored: Any = work.connection.scalar(sa.select(sa.func.sum(RUNS.c.stored)))
        assert usage.stored(work, SERVICE, "ant") == stored > 0


def test_a_wait_that_began_by_a_clock_that_was_ahead_begins_anew(here: Place) -> None:
    run_id = here.submit("name: waits\nstages: [{id: a, wait: 1h}]\n")
    here.reach(run_id, State.WAITING)
    day = 86_400
    with here.database.writing() as work:
        row: Any = work.connection.execute(sa.select(WAITS).where(WAITS.c.run == run_id)).one()
        began = datetime.fromisoformat(json.loads(row.asked)["since"]) + timedelta(days=1)
        asked = json.dumps(json.loads(row.asked) | {"since": began.isoformat()})
        work.change(sa.update(WAITS).values(due=row.due + day, asked=asked))
        work.change(sa.update(STARTS).values(at=STARTS.c.at + day))
    nudge = here.worker.dispatcher.nudge
    signals = Signals(here.database.engine)
    keeper = Keeper(here.database, Settler(signals), signals, nudge)  # another process's, by now
    try:
        due = until(lambda: _due(here, run_id, row.due + day))
    finally:
        keeper.close()
        signals.close()
    assert row.due <= due < row.due + 120
    with here.database.reading() as work:
        assert (work.connection.scalar(sa.select(STARTS.c.at)) or 0.0) < work.now


def _due(here: Place, run_id: str, before: float) -> float | None:
    """Return until when a run is parked, once that is not what it was before."""
    found = [it.due for it in here.read(run_id).waits if it.due is not None]
    parked = here.read(run_id).row.state is State.WAITING
    return found[0] if parked and found and time() + 60 < found[0] < before else None


def test_who_has_lost_a_run_notes_nothing_that_it_waits_for_and_somebody_goes_on(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has taken it stood still when it was given to this worker, and may have lost it again: nobody else brings it back."""
    store, park = Store(here.database.engine), Asking.park
    found: list[tuple[bool, int]] = []

    def taken_meanwhile(self: Asking, ticket: TakenRun, waits: Sequence[Waiting]) -> bool:
        if not found:
            store.take(ticket.run_id)[0].close()
        held = park(self, ticket, waits)
        with here.database.reading() as work:
            count = work.connection.scalar(sa.select(sa.func.count()).select_from(WAITS)) or 0
        found.append((held, count))
        return held

    monkeypatch.setattr(Asking, "park", taken_meanwhile)
    run_id = here.submit(LONG)
    until(lambda: len(found) == 2)
    assert [it.path for it in here.reach(run_id, State.WAITING).waits] == ["a"]
    assert found == [(False, 0), (True, 1)]


def test_a_run_that_is_cancelled_while_its_journal_fails_comes_to_an_end(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = here.submit("name: slow\nstages: [{id: nap, sleep: 500}]\n")
    here.begun(run_id)
    counts = fail_once(monkeypatch, "finished")
    here.runs.cancel(SERVICE, "ant", run_id)
    assert here.reach(run_id).row.status is Status.CANCEL
    assert counts["finished"] >= 1


def test_a_run_that_comes_back_before_its_first_thread_is_through_is_the_second_ones(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker has lost it, and was given it again: it must hear what is wished of it."""
    found: list[tuple[Executor, Work]] = []
    gates = (Event(), Event())

    def held(self: Executor, run_id: str, work: Work) -> None:
        gate = gates[len(found)]
        found.append((self, work))
        assert gate.wait(PATIENCE), run_id

    monkeypatch.setattr(Executor, "_execute", held)
    run_id = here.submit(TWO)
    until(lambda: len(found) == 1)
    executor = found[0][0]
    with ThreadPoolExecutor(1) as threads:
        again = threads.submit(executor.execute, run_id)
        until(lambda: len(found) == 2)
        gates[0].set()
        until(lambda: here.queued(run_id) is Queued.ENDED)
        works = executor._works  # pyright: ignore[reportPrivateUsage]
        assert works == {run_id: found[1][1]}
        gates[1].set()
        again.result(PATIENCE)
    assert works == {}
