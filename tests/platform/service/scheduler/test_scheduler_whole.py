"""The scheduler on the rows of real runs: groups, overlap, what follows, webhooks, and its threads together."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from blockyard_platform.host_blocks import platform_catalog
from blockyard_platform.results import RunResult
from blockyard_platform.service.admitting import Admitting
from blockyard_platform.service.dispatch.tables import QUEUE
from blockyard_platform.service.registry import policies, sealed
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import QuotaError
from blockyard_platform.service.runs.orders import Order, RefusedError
from blockyard_platform.service.runs.runs import Runs
from blockyard_platform.service.runs.settling import Settler
from blockyard_platform.service.runs.watching import Watching
from blockyard_platform.service.scheduler.assembling import Around, Scheduling, scheduling
from blockyard_platform.service.scheduler.endings import Follower
from blockyard_platform.service.scheduler.holding import Holding
from blockyard_platform.service.scheduler.rows import QueueGate, RunRows, RunWaiter
from blockyard_platform.service.scheduler.tables import GROUP_RUNS, TOPIC
from blockyard_platform.service.scheduler.ticker import Ports, Ticker
from blockyard_platform.service.signals import Signals
from blockyard_platform.store.rows import dumped
from blockyard_platform.store.tables import RUNS
from blockyard_platform.triggers.overlap import MOST_QUEUED
from blockyard_platform.triggers.signatures import write_header
from blockyard_schemas.statuses import Status

from .conftest import Clock, Put, by, every, make

ANT = by("operator", "ant")
NINE = 1_800_003_600.0
KEY = "the key of the tenant ant"
ONE = "concurrency: {group: 'g-${{ params.n }}'%s}\nparams: {n: {type: string, default: '1'}}"


@dataclass
class Whole:
    """The rooms as the service has them, without workers."""

    database: Database
    runs: Runs
    settler: Settler
    signals: Signals
    watching: Watching

    def submit(self, workflow: str, **params: Any) -> str:
        return self.runs.submit(ANT, Order("ant", workflow, params=params)).run_id

    def end(self, run_id: str, status: Status = Status.SUCCESS, **outputs: Any) -> None:
        """Write the end of a run as a worker does, and settle it."""
        result = replace(RunResult(run_id, "w", status), outputs=outputs).as_dict()
        with self.database.writing() as work:
            values = {"status": status.value, "ended": work.now, "result": dumped(result)}
            work.change(sa.update(RUNS).where(RUNS.c.id == run_id).values(values))
            work.change(sa.update(QUEUE).where(QUEUE.c.run == run_id).values(state="ENDED"))
            self.settler.settle(work, run_id)

    def queued(self) -> set[str]:
        return {it.run for it in every(self.database, QUEUE) if it.state == "QUEUED"}

    def states(self) -> dict[str, str]:
        """Return the status of each run that was begun by something, by its origin."""
        return {it.origin: it.status for it in every(self.database, RUNS)}


@pytest.fixture
def whole(database: Database) -> Iterator[Whole]:
    signals = Signals(database.engine)
    gate = QueueGate(signals)
    settler = Settler(signals, [Follower(gate, signals)])
    admitting = Admitting(database, platform_catalog())
    watching = Watching(signals)
    with database.writing() as work:
        policies.put(work, by("admin"), "ant", json.dumps({"stages": ["empty"]}))
    yield Whole(
        database,
        Runs(database, admitting, settler, signals, lambda: None, Holding),
        settler,
        signals,
        watching,
    )
    watching.close()
    signals.close()


@pytest.fixture
def scheduler(whole: Whole) -> Iterator[Scheduling]:
    around = Around(
        whole.database,
        whole.runs,
        whole.signals,
        whole.watching,
        lambda value, _: value,
        lambda: None,
    )
    with scheduling(around) as found:
        yield found


def test_a_group_holds_runs_and_lets_them_in(whole: Whole, put: Put) -> None:
    put("w", ONE % "")
    first, second, other = (whole.submit("w", n=n) for n in ("1", "1", "2"))
    assert whole.queued() == {first, other}
    assert {it.id: it.concurrency for it in every(whole.database, RUNS)} == {
        first: "g-1", second: "g-1", other: "g-2",
    }  # fmt: skip
    whole.end(first)
    assert whole.queued() == {second, other}
    whole.end(second)
    whole.end(other)
    assert every(whole.database, GROUP_RUNS) == []


def test_a_run_that_is_done_again_joins_its_group_again(whole: Whole, put: Put) -> None:
    put("w", ONE % "")
    first, second = whole.submit("w"), whole.submit("w")
    whole.end(first)
    assert whole.queued() == {second}
    whole.runs.resume(ANT, "ant", first, reset=True)
    assert whole.queued() == {second}
    whole.end(second)
    assert whole.queued() == {first}


def test_a_run_that_is_held_can_be_cancelled(whole: Whole, put: Put) -> None:
    put("w", ONE % "")
    first, second, third = (whole.submit("w") for _ in range(3))
    whole.runs.cancel(ANT, "ant", second)
    whole.end(first)
    assert whole.queued() == {third}


def test_a_newer_run_ends_those_before(whole: Whole, put: Put) -> None:
    put("w", ONE % ", cancel-in-progress: true")
    first = whole.submit("w")
    second = whole.submit("w")
    # The first was queued only, so that it ended at once.
    assert whole.queued() == {second}
    with whole.database.writing() as work:
        work.change(sa.update(QUEUE).where(QUEUE.c.run == second).values(state="RUNNING"))
    third, fourth = whole.submit("w"), whole.submit("w")
    assert whole.queued() == set()
    status = {it.id: it.status for it in every(whole.database, RUNS)}
    assert [status[it] for it in (first, second, third, fourth)] == [
        "CANCEL",
        "WAIT",
        "CANCEL",
        "WAIT",
    ]
    whole.end(second, Status.CANCEL)
    assert whole.queued() == {fourth}


def test_a_newer_run_counts_what_ends_before_itself(whole: Whole, put: Put) -> None:
    put("w", ONE % ", cancel-in-progress: true")
    whole.submit("w")
    locked: list[str] = []

    def note(_: object, __: object, statement: str, *more: object) -> None:
        locked.extend(it for it in ("stored", "usage") if statement.startswith(f"INSERT INTO {it}"))

    event.listen(whole.database.engine, "before_cursor_execute", note)
    whole.submit("w")
    event.remove(whole.database.engine, "before_cursor_execute", note)
    # As ends are settled: in two orders, a submission and a worker would wait for each other.
    assert locked == ["stored", "usage", "usage"]


def test_too_many_of_a_group_are_refused_and_leave_nothing(whole: Whole, put: Put) -> None:
    put("w", ONE % "")
    for _ in range(MOST_QUEUED + 1):
        whole.submit("w")
    with pytest.raises(QuotaError, match="10 runs of the group 'g-1' wait already"):
        whole.submit("w")
    assert len(every(whole.database, RUNS)) == MOST_QUEUED + 1


@pytest.mark.parametrize("n", ["x" * 300, "a\x00".replace("\x00", "\x07"), "\n"])
def test_a_key_of_a_stranger_that_cannot_be_is_refused(n: str, whole: Whole, put: Put) -> None:
    put("w", "concurrency: '${{ params.n }}'\nparams: {n: string}")
    with pytest.raises(RefusedError, match="the key of the run's group"):
        whole.submit("w", n=n)
    assert every(whole.database, RUNS) == []


def test_it_watches_the_clock_and_what_has_ended(whole: Whole, clock: Clock, put: Put) -> None:
    ports = Ports(whole.runs, RunRows(), QueueGate(whole.signals))
    ticker = Ticker(whole.database, ports)
    put(
        "next",
        "on: {after: {workflow: report, params: {of: '${{ event.run_id }}'}}}\nparams: {of: string}",
    )
    make(whole.database, "s", "0 9 * * *", overlap="queue", missed="all")
    ticker.tick()
    clock.now = NINE + 86_400 + 1
    ticker.tick()
    (run,) = every(whole.database, RUNS)
    assert (run.origin, run.workflow, run.author) == ("schedule/s", "report", "service")
    with whole.database.reading() as work:
        assert RunRows().active(work, "ant", "schedule/s") == [run.id]
        assert RunRows().ended(work, [run.id, "gone"]) == ["gone"]
    whole.end(run.id)
    ticker.tick()
    rows = {it.origin: it for it in every(whole.database, RUNS) if it.id != run.id}
    assert set(rows) == {"schedule/s", f"after/{run.id}"}
    follower = rows[f"after/{run.id}"]
    assert (follower.workflow, follower.depth, json.loads(follower.params)) == (
        "next",
        1,
        {"of": run.id},
    )


def test_news_of_an_end_wake_the_threads(
    whole: Whole, scheduler: Scheduling, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("next", "on: {after: report}")
    run = whole.submit("report")
    begun = Event()
    submit = whole.runs.submit

    def seen(*given: Any) -> Any:
        found = submit(*given)
        begun.set()
        return found

    monkeypatch.setattr(whole.runs, "submit", seen)
    whole.end(run)
    assert begun.wait(60)
    assert [it.workflow for it in every(whole.database, RUNS) if it.origin != "api"] == ["next"]
    assert TOPIC in whole.signals.topics()


def test_a_hook_that_is_sync_waits_for_the_run(
    whole: Whole, scheduler: Scheduling, clock: Clock, put: Put
) -> None:
    put("take", "on: {webhook: {path: take, secret: KEY, mode: sync, timeout: 60s}}")
    with whole.database.writing() as work:
        sealed.put(work, by("admin", "ant"), "ant", "KEY", KEY, lambda value, _: value)
    body = b"{}"
    headers = {
        "content-type": "application/json",
        "blockyard-signature": write_header([KEY.encode()], body, int(clock.now)),
    }

    async def both() -> Any:
        asked = asyncio.create_task(scheduler.desk.deliver("ant", "take", headers, body, clock.now))
        while not (rows := await asyncio.to_thread(every, whole.database, RUNS)):
            await asyncio.sleep(0)
        await asyncio.to_thread(whole.end, rows[0].id, Status.SUCCESS, total=3)
        return await asked

    told = asyncio.run(both())
    assert (told.status, told.body["status"], told.body["outputs"]) == (
        200,
        "SUCCESS",
        {"total": 3},
    )


def test_a_run_that_does_not_end_is_waited_for_no_longer(
    whole: Whole,
) -> None:
    run = whole.submit("report")
    waiter = RunWaiter(whole.database, whole.watching)
    assert asyncio.run(waiter("ant", run, 0.01)) is None
    whole.end(run, Status.FAILED)
    found = asyncio.run(waiter("ant", run, 60))
    assert found is not None
    assert (found.status, found.run_id) == (Status.FAILED, run)
