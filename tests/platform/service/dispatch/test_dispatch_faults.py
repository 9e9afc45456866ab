"""What goes wrong between a commit and what follows it: a run is begun once for each time that it is given out, and none is forgotten."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from blockyard_platform.service.dispatch import claiming, desk, runs
from blockyard_platform.service.dispatch.durable import Durable
from blockyard_platform.service.dispatch.fairness import Turns
from blockyard_platform.service.dispatch.leases import Dead, Lease, take_over
from blockyard_platform.service.dispatch.port import State, equal_share
from blockyard_platform.service.dispatch.runs import Claim, Submission
from blockyard_platform.service.dispatch.tables import QUEUE, locked, open_tables, writing
from blockyard_platform.service.dispatch.worker import Worker

from .conftest import PATIENCE, Here, until


@pytest.fixture
def engine(place: str) -> Iterator[sa.Engine]:
    found = open_tables(place)
    Lease(found, "w", 1).take()
    yield found
    found.dispose()


def given(engine: sa.Engine, run_id: str = "r") -> Claim:
    """Submit a run, and give it to the worker ``w``."""
    with locked(engine) as connection:
        runs.add(connection, [Submission(run_id, "t", again=True)])
        (claim,) = claiming.claim(connection, "w", 1, Turns(equal_share))
    return claim


def row(engine: sa.Engine, run_id: str = "r") -> dict[str, Any]:
    with engine.connect() as connection:
        wanted = sa.select(QUEUE).where(QUEUE.c.run == run_id)
        return dict(connection.execute(wanted).mappings().one())


def cancelled(engine: sa.Engine) -> State | None:
    with writing(engine) as connection:
        return runs.cancel(connection, "r")


LEAVING: dict[str, Callable[[sa.Connection, Claim], object]] = {
    "ended": lambda connection, it: runs.end(connection, [it], State.ENDED),
    "given up": lambda connection, it: runs.end(connection, [it], State.FAILED),
    "raised": lambda connection, it: runs.delay(connection, [it], 0.01),
    "handed over": lambda connection, _: runs.release(connection, "w", failed=False),
    "died": lambda connection, _: runs.release(connection, "w", failed=True),
}


@pytest.mark.parametrize("how", LEAVING)
def test_what_was_cancelled_at_work_ends_however_it_leaves(how: str, engine: sa.Engine) -> None:
    claim = given(engine)
    assert cancelled(engine) is State.RUNNING
    with locked(engine) as connection:
        LEAVING[how](connection, claim)
        runs.wake(connection)
        assert claiming.claim(connection, "w", 1, Turns(equal_share)) == []
    found = row(engine)
    assert (found["state"], found["worker"], found["due"]) == (State.CANCELLED, None, None)
    assert found["ended"] is not None


@pytest.mark.parametrize("how", LEAVING)
def test_what_was_queued_again_at_work_is_queued_however_it_leaves(
    how: str, engine: sa.Engine
) -> None:
    """Cancelled, and then wanted again: the next time it is not a cancelled one."""
    claim = given(engine)
    cancelled(engine)
    with writing(engine) as connection:
        assert runs.add(connection, [Submission("r", "t", again=True)]) == {"r"}
        assert runs.to_cancel(connection, "w") == ["r"]
    with locked(engine) as connection:
        LEAVING[how](connection, claim)
    found = row(engine)
    assert (found["state"], found["cancel"], found["again"]) == (State.QUEUED, 0, 0)
    assert (found["ended"], found["due"]) == (None, None)


def test_to_cancel_undoes_that_it_was_wanted_again(engine: sa.Engine) -> None:
    claim = given(engine)
    given_again = Submission("r", "t", again=True)
    with writing(engine) as connection:
        runs.add(connection, [given_again])
    assert cancelled(engine) is State.RUNNING
    with locked(engine) as connection:
        assert runs.end(connection, [claim], State.ENDED) == []
    assert row(engine)["state"] == State.CANCELLED


def test_an_end_that_comes_twice_or_too_late_changes_nothing(engine: sa.Engine) -> None:
    first = given(engine)
    with locked(engine) as connection:
        runs.release(connection, "w", failed=True)
        (second,) = claiming.claim(connection, "w", 1, Turns(equal_share))
        for state in (State.ENDED, State.FAILED):
            assert runs.end(connection, [first], state) == []
        assert runs.delay(connection, [first], 1) == []
    found = row(engine)
    assert (found["state"], found["number"], second.number) == (State.RUNNING, 2, 2)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_nothing_waits_with_the_lock_for_somebody_elses_row(engine: sa.Engine) -> None:
    """A caller's transaction may last, and may itself wait for the lock: it must not hold up, or be in a circle with, the desk."""
    claim = given(engine)
    with writing(engine) as caller:
        runs.add(caller, [Submission("r", "t", again=True), Submission("s", "t")])
        with locked(engine) as connection:
            connection.execute(sa.text("SET LOCAL lock_timeout TO '100ms'"))
            assert runs.end(connection, [claim], State.ENDED) == [claim]
            assert runs.release(connection, "w", failed=True) == []
            assert claiming.claim(connection, "w", 1, Turns(equal_share)) == []
    with locked(engine) as connection:
        assert runs.end(connection, [claim], State.ENDED) == []
        assert [it.run_id for it in claiming.claim(connection, "w", 2, Turns(equal_share))] == [
            "r",
            "s",
        ]


def test_a_run_whose_worker_died_too_often_counts_deaths_alone(engine: sa.Engine) -> None:
    for number in range(1, 22):
        assert given(engine).number == number
        with locked(engine) as connection:
            runs.release(connection, "w", failed=number % 3 > 0)
    assert row(engine)["failures"] == 14


async def test_a_run_whose_worker_died_too_often_is_given_up(here: Here, place: str) -> None:
    engine = open_tables(place)
    for number in range(21):
        lease = Lease(engine, f"w{number}", 1)
        lease.take()
        with locked(engine) as connection:
            runs.add(connection, [Submission("r", "t")])
            assert len(claiming.claim(connection, f"w{number}", 1, Turns(equal_share))) == 1
        assert take_over(engine, Dead(f"w{number}", 0)) == ["r"]
    engine.dispose()
    await here.begin()
    await here.reach("r", State.FAILED)
    assert (here.work.begun, here.work.failed) == ([], ["r"])


class Lost(exc.OperationalError):
    """A connection that is lost."""

    def __init__(self) -> None:
        super().__init__("COMMIT", None, OSError("the connection is lost"))


async def test_what_was_committed_without_an_answer_is_given_out_again(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Event()

    @contextmanager
    def unanswered(engine: sa.Engine) -> Generator[sa.Connection]:
        with locked(engine) as connection:
            yield connection
        if failing.is_set():
            failing.clear()
            raise Lost

    monkeypatch.setattr(desk, "locked", unanswered)
    dispatcher = await here.begin(slots=1)
    failing.set()
    dispatcher.submit("held", "t")
    await until(lambda: here.work.begun)
    assert not failing.is_set()
    failing.set()
    here.work.gate("held").set()
    await here.reach("held", State.ENDED)
    entry = dispatcher.status("held")
    assert entry is not None
    assert (entry.number, entry.failures, here.work.begun) == (2, 0, ["held"])


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
async def test_what_another_transaction_holds_is_given_out_again_once_it_does_not(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several bring a parked run back at its moment: one has its row while the desk of a worker puts back what it does not know of."""
    engine, turns = open_tables(here.place), Counter[str]()
    other = engine.connect()
    failing = Event()

    @contextmanager
    def unanswered(it: sa.Engine) -> Generator[sa.Connection]:
        with locked(it) as connection:
            yield connection
        turns[row(engine, "r")["state"]] += 1
        if failing.is_set():
            failing.clear()
            other.execute(sa.select(QUEUE.c.seq).where(QUEUE.c.run == "r").with_for_update())
            raise Lost

    dispatcher = await here.begin(slots=1)
    monkeypatch.setattr(desk, "locked", unanswered)
    failing.set()
    dispatcher.submit("r", "t")
    await until(lambda: turns[State.RUNNING] > 2)
    assert here.work.begun == []
    other.rollback()
    await here.reach("r", State.ENDED)
    entry = dispatcher.status("r")
    assert entry is not None
    assert (entry.number, entry.failures, here.work.begun) == (2, 0, ["r"])
    other.close()
    engine.dispose()


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
async def test_what_another_transaction_held_when_the_lease_was_lost_is_given_out_again(
    here: Here,
) -> None:
    engine = open_tables(here.place)
    dispatcher = await here.begin(slots=1)
    dispatcher.submit("held", "t")
    await until(lambda: here.work.begun)
    with writing(engine) as other:
        other.execute(sa.select(QUEUE.c.seq).where(QUEUE.c.run == "held").with_for_update())
        assert take_over(engine, Dead(dispatcher.executor_id, None), force=True) == []
        await until(lambda: here.work.lost)
    await here.reach("held", State.ENDED)
    entry = dispatcher.status("held")
    assert entry is not None
    assert (entry.number, here.work.begun) == (2, ["held", "held"])
    engine.dispose()


async def test_what_begins_although_that_has_failed_is_begun_once(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Durable.start

    def failing(self: Durable, claims: Sequence[Claim]) -> None:
        start(self, claims)
        end = here.work.gate("begun")
        assert end.wait(PATIENCE)
        raise RuntimeError("it has begun")

    monkeypatch.setattr(Durable, "start", failing)
    dispatcher = await here.begin(slots=1)
    dispatcher.submit("held", "t")
    await until(lambda: here.work.begun)
    here.work.gate("begun").set()
    here.work.gate("held").set()
    await here.reach("held", State.ENDED)
    entry = dispatcher.status("held")
    assert entry is not None
    assert (entry.number, entry.failures, here.work.begun) == (1, 0, ["held"])


async def test_what_cannot_begin_is_tried_again(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Durable.start

    def failing(self: Durable, claims: Sequence[Claim]) -> None:
        if claims[0].number == 1:
            raise RuntimeError("it cannot")
        start(self, claims)

    monkeypatch.setattr(Durable, "start", failing)
    dispatcher = await here.begin(slots=1)
    dispatcher.submit("r", "t")
    await here.reach("r", State.ENDED)
    entry = dispatcher.status("r")
    assert entry is not None
    assert (entry.number, entry.failures, here.work.begun) == (2, 1, ["r"])


async def test_a_claim_is_entered_once(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """DBOS would execute a workflow again that it recovers."""
    workers: list[Worker] = []
    perform = Worker._perform  # pyright: ignore[reportPrivateUsage]

    def noted(self: Worker, run_id: str, number: int) -> str:
        workers.append(self)
        return perform(self, run_id, number)

    monkeypatch.setattr(Worker, "_perform", noted)
    dispatcher = await here.begin(slots=1)
    dispatcher.submit("held", "t")
    await until(lambda: here.work.begun)
    assert perform(workers[0], "held", 1) == "LOST"
    assert perform(workers[0], "other", 1) == "LOST"
    here.work.gate("held").set()
    await here.reach("held", State.ENDED)
    assert here.work.begun == ["held"]


async def test_what_was_given_out_while_the_lease_was_lost_is_not_begun(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker takes over between the commit and what follows it; this one must not execute the run as well."""
    engine = open_tables(here.place)
    between = Event()

    @contextmanager
    def interrupted(it: sa.Engine) -> Generator[sa.Connection]:
        with locked(it) as connection:
            yield connection
        if between.is_set() and row(engine, "held")["number"] == 1:
            between.clear()
            taken = take_over(engine, Dead(here.dispatcher.executor_id, None), force=True)
            assert taken == ["held"]
            # The heart finds it out, and takes a new lease, before the desk goes on.
            with engine.connect() as connection:
                wanted = sa.text("SELECT count(*) FROM workers")
                for _ in range(3000):
                    if connection.scalar(wanted):
                        break
                    connection.rollback()
                    between.wait(0.01)

    monkeypatch.setattr(desk, "locked", interrupted)
    dispatcher = await here.begin(slots=1)
    between.set()
    dispatcher.submit("held", "t")
    await until(lambda: here.work.begun)
    here.work.gate("held").set()
    await here.reach("held", State.ENDED)
    entry = dispatcher.status("held")
    assert entry is not None
    assert (entry.number, here.work.begun) == (2, ["held"])
    engine.dispose()


@pytest.mark.parametrize("callback", ["on_cancel", "share"])
async def test_a_callback_that_raises_stops_nothing(
    callback: str, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [2]

    def raising(self: Any, name: str) -> Any:
        if left[0]:
            left[0] -= 1
            raise RuntimeError(name)
        return before(self, name)

    before: Callable[[Any, str], Any] = getattr(type(here.work), callback)
    monkeypatch.setattr(type(here.work), callback, raising)
    dispatcher = await here.begin(slots=2)
    for name in ("held", "held-2"):
        dispatcher.submit(name, "t")
    await until(lambda: len(here.work.begun) == 2)
    for name in ("held", "held-2"):
        dispatcher.cancel(name)
        here.work.gate(name).set()
    dispatcher.submit("last", "t")
    await here.reach("last", State.ENDED)
    assert sorted(here.work.begun) == ["held", "held-2", "last"]
