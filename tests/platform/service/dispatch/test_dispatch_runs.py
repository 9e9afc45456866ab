"""Runs are accepted for good, executed once, in order, and can be cancelled, on both databases."""

import asyncio
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest
import sqlalchemy as sa

from blockyard_platform.service.dispatch import desk
from blockyard_platform.service.dispatch.desk import Desk
from blockyard_platform.service.dispatch.dispatcher import DbosDispatcher
from blockyard_platform.service.dispatch.port import DispatchError, Share, State
from blockyard_platform.service.dispatch.tables import locked, open_tables

from .conftest import PATIENCE, Here, until


async def test_each_run_is_executed_once(here: Here) -> None:
    dispatcher = await here.begin(slots=4)
    names = [f"r{number}" for number in range(60)]

    def submit(name: str) -> bool:
        return dispatcher.submit(name, f"t{int(name[1:]) % 3}")

    with ThreadPoolExecutor(8) as threads:
        new = list(threads.map(submit, names * 2))
    assert Counter(new) == {True: 60, False: 60}
    for name in names:
        await here.reach(name, State.ENDED)
    assert Counter(here.work.begun) == dict.fromkeys(names, 1)
    entry = dispatcher.status("r7")
    assert entry is not None
    assert (entry.run_id, entry.number, entry.failures, entry.worker) == ("r7", 1, 0, None)
    assert len(dispatcher.list(state=State.ENDED, tenant="t1")) == 20


async def test_a_run_that_has_ended_is_done_again_only_when_that_is_asked(here: Here) -> None:
    dispatcher = await here.begin()
    assert dispatcher.submit("r", "t")
    await here.reach("r", State.ENDED)
    assert not dispatcher.submit("r", "t")
    assert dispatcher.submit("r", "t", again=True)
    await until(lambda: here.work.ended == ["r", "r"])
    await here.reach("r", State.ENDED)
    assert here.work.begun == ["r", "r"]


async def test_a_run_at_work_is_done_once_more_after_its_end(here: Here) -> None:
    dispatcher = await here.begin()
    dispatcher.submit("held", "t")
    await until(lambda: here.work.begun)
    assert dispatcher.submit("held", "t", again=True)
    here.work.gate("held").set()
    await until(lambda: len(here.work.ended) == 2)
    await here.reach("held", State.ENDED)


async def test_higher_priorities_go_first(here: Here) -> None:
    dispatcher = await here.begin(slots=1)
    dispatcher.submit("held", "t")
    await until(lambda: here.work.begun)
    for name, priority in (("low", -5), ("first", 0), ("second", 0), ("high", 9)):
        dispatcher.submit(name, "t", priority)
    here.work.gate("held").set()
    await here.reach("low", State.ENDED)
    assert here.work.begun == ["held", "high", "first", "second", "low"]


async def test_runs_are_cancelled(here: Here) -> None:
    dispatcher = await here.begin(slots=1)
    dispatcher.submit("held", "t")
    await until(lambda: here.work.begun)
    dispatcher.submit("waits", "t")
    assert dispatcher.cancel("waits") is State.CANCELLED
    assert dispatcher.cancel("held") is State.RUNNING
    await here.reach("held", State.CANCELLED)
    assert dispatcher.cancel("held") is State.CANCELLED
    assert dispatcher.cancel("other") is None
    dispatcher.submit("last", "t")
    await here.reach("last", State.ENDED)
    assert dispatcher.cancel("last") is State.ENDED
    assert (here.work.begun, here.work.cancelled) == (["held", "last"], ["held"])


async def test_a_run_that_fails_is_tried_again_and_given_up(here: Here) -> None:
    dispatcher = await here.begin(retries=2)
    dispatcher.submit("bad", "t")
    await here.reach("bad", State.FAILED)
    assert (here.work.begun, here.work.failed) == (["bad"] * 3, ["bad"])
    assert dispatcher.submit("bad", "t", again=True)
    await until(lambda: len(here.work.begun) == 6)


async def test_a_run_says_why_it_waits(here: Here) -> None:
    viewer = await here.begin(slots=0)
    viewer.submit("held", "t")
    found = viewer.why_waiting("held")
    assert found is not None
    assert (found.position, found.reason) == (1, "no-worker")
    viewer.stop()
    dispatcher = await here.begin(slots=2)
    here.work.shares["capped"] = Share(cap=1)
    dispatcher.submit("held-2", "capped")
    await until(lambda: "held" in here.work.begun and "held-2" in here.work.begun)
    for name, tenant in (("a", "capped"), ("b", "capped"), ("c", "t")):
        dispatcher.submit(name, tenant, 1 if name == "b" else 0)
    told = {name: dispatcher.why_waiting(name) for name in ("held", "a", "b", "c")}
    assert {name: it and (it.position, it.reason) for name, it in told.items()} == {
        "held": None,
        "a": (2, "cap"),
        "b": (1, "cap"),
        "c": (1, "busy"),
    }


def desk_of(dispatcher: DbosDispatcher) -> Desk:
    parts = dispatcher._parts  # pyright: ignore[reportPrivateUsage]
    assert parts is not None
    assert parts.worker is not None
    return parts.worker.desk


async def test_what_runs_is_waited_for_when_the_worker_drains(here: Here) -> None:
    dispatcher = await here.begin(slots=1)
    dispatcher.submit("held", "t")
    await until(lambda: here.work.begun)
    dispatcher.submit("waits", "t")
    stopping = asyncio.ensure_future(asyncio.to_thread(dispatcher.stop))
    await until(lambda: not desk_of(dispatcher)._taking)  # pyright: ignore[reportPrivateUsage]
    await asyncio.sleep(0.1)
    assert not stopping.done()
    here.work.gate("held").set()
    await stopping
    assert (here.work.ended, here.work.lost) == (["held"], [])
    await here.begin()
    await here.reach("waits", State.ENDED)
    assert here.work.begun == ["waits"]


async def test_what_is_just_given_out_is_waited_for_when_the_worker_drains(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the commit and the start it would be handed over, and begin here all the same."""
    given, go_on = Event(), Event()

    @contextmanager
    def interrupted(engine: sa.Engine) -> Generator[sa.Connection]:
        with locked(engine) as connection:
            yield connection
        given.set()
        assert go_on.wait(PATIENCE)

    monkeypatch.setattr(desk, "locked", interrupted)
    dispatcher = await here.begin(slots=1)
    dispatcher.submit("r", "t")
    await until(given.is_set)
    stopping = asyncio.ensure_future(asyncio.to_thread(dispatcher.stop))
    await until(lambda: not desk_of(dispatcher)._taking)  # pyright: ignore[reportPrivateUsage]
    await asyncio.sleep(0.1)
    assert not stopping.done()
    go_on.set()
    await stopping
    assert (here.work.ended, here.work.lost) == (["r"], [])
    viewer = await here.begin(slots=0)
    entry = viewer.status("r")
    assert entry is not None
    assert (entry.state, entry.number) == (State.ENDED, 1)


@pytest.mark.parametrize("drain", [True, False])
async def test_what_runs_is_handed_over(drain: bool, here: Here) -> None:
    dispatcher = await here.begin(slots=1)
    dispatcher.submit("held", "t")
    await until(lambda: here.work.begun)
    dispatcher.stop(drain=drain, seconds=0.05)
    assert here.work.lost == ["held"]
    after = await here.begin()
    await until(lambda: here.work.begun)
    here.work.gate("held").set()
    await here.reach("held", State.ENDED)
    entry = after.status("held")
    assert entry is not None
    assert (entry.number, entry.failures) == (2, 0)


async def test_what_a_process_without_slots_accepts_is_executed_elsewhere(here: Here) -> None:
    front = await here.begin(slots=0)
    front.submit("r", "t")
    front.stop()
    with pytest.raises(DispatchError, match="has stopped"):
        front.submit("s", "t")
    await here.begin()
    await here.reach("r", State.ENDED)


async def test_a_process_has_one_worker(here: Here) -> None:
    await here.begin()
    other = DbosDispatcher(here.dispatcher._settings, here.work.callbacks())  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(DispatchError, match="there is a worker in this process already"):
        await asyncio.to_thread(other.start)
    with pytest.raises(DispatchError, match="started before"):
        here.dispatcher.start()
    with pytest.raises(DispatchError, match="not started"):
        other.submit("r", "t")


async def test_ids_that_cannot_be_are_refused(here: Here) -> None:
    dispatcher = await here.begin(slots=0)
    for run_id, tenant, priority in (
        ("", "t", 0),
        ("r\0", "t", 0),
        ("r" * 101, "t", 0),
        ("r", "\ud800", 0),
        ("r", "t", 2**40),
    ):
        with pytest.raises(ValueError, match=r"an id has|a priority lies"):
            dispatcher.submit(run_id, tenant, priority)


async def test_what_dbos_has_of_runs_that_ended_is_taken_away(here: Here) -> None:
    dispatcher = await here.begin()
    for name in ("a", "b", "c"):
        dispatcher.submit(name, "t")
        await here.reach(name, State.ENDED)
    dispatcher.submit("held", "t")
    await here.reach("held", State.RUNNING)

    async def tidied(age: float = -1, limit: int = 2) -> int:
        return await asyncio.to_thread(dispatcher.tidy, age, limit)

    gone: list[int] = []
    while sum(gone) < 3:  # its end is written after ours
        assert await tidied(3600) == 0
        gone.append(await tidied())
    assert max(gone) <= 2
    assert await tidied() == 0
    assert [it.run_id for it in dispatcher.list()] == ["a", "b", "c", "held"]
    here.work.gate("held").set()
    await here.reach("held", State.ENDED)
    while await tidied() == 0:
        pass
    assert dispatcher.submit("a", "t", again=True)
    await here.reach("a", State.ENDED)
    assert here.work.begun.count("a") == 2


async def test_a_run_that_cannot_be_written_is_not_accepted(here: Here, place: str) -> None:
    dispatcher = await here.begin(slots=0)
    engine = open_tables(place)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE queue RENAME TO elsewhere"))
    with pytest.raises(DispatchError, match="the database does not answer"):
        dispatcher.submit("r", "t")
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO queue"))
    assert dispatcher.submit("r", "t")
    engine.dispose()
