"""Runs are accepted for good, executed once, in order, and can be cancelled, on both databases."""

import asyncio
import base64
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from blockyard_platform.service.dispatch.dispatcher import DbosDispatcher
from blockyard_platform.service.dispatch.port import DispatchError, Share, State
from blockyard_platform.service.dispatch.tables import open_tables

from .conftest import Here, until


async def test_each_run_is_executed_once(here: Here) -> None:
    dispatcher = await here.begin(slots=4)
    names = [f"r{number}" for number in range(60)]
    submits = [dispatcher.submit(it, f"t{index % 3}") for index, it in enumerate(names * 2)]
    new = await asyncio.gather(*submits)
    assert Counter(new) == {True: 60, False: 60}
    for name in names:
        await here.reach(name, State.ENDED)
    assert Counter(here.work.begun) == dict.fromkeys(names, 1)
    entry = await dispatcher.status("r7")
    assert entry is not None
    assert (entry.run_id, entry.number, entry.failures, entry.worker) == ("r7", 1, 0, None)
    assert len(await dispatcher.list(state=State.ENDED, tenant="t1")) == 20


async def test_a_run_that_has_ended_is_done_again_only_when_that_is_asked(here: Here) -> None:
    dispatcher = await here.begin()
    assert await dispatcher.submit("r", "t")
    await here.reach("r", State.ENDED)
    assert not await dispatcher.submit("r", "t")
    assert await dispatcher.submit("r", "t", again=True)
    await until(lambda: here.work.ended == ["r", "r"])
    await here.reach("r", State.ENDED)
    assert here.work.begun == ["r", "r"]


async def test_a_run_at_work_is_done_once_more_after_its_end(here: Here) -> None:
    dispatcher = await here.begin()
    await dispatcher.submit("held", "t")
    await until(lambda: here.work.begun)
    assert await dispatcher.submit("held", "t", again=True)
    here.work.gate("held").set()
    await until(lambda: len(here.work.ended) == 2)
    await here.reach("held", State.ENDED)


async def test_higher_priorities_go_first(here: Here) -> None:
    dispatcher = await here.begin(slots=1)
    await dispatcher.submit("held", "t")
    for name, priority in (("low", -5), ("first", 0), ("second", 0), ("high", 9)):
        await dispatcher.submit(name, "t", priority)
    here.work.gate("held").set()
    await here.reach("low", State.ENDED)
    assert here.work.begun == ["held", "high", "first", "second", "low"]


async def test_runs_are_cancelled(here: Here) -> None:
    dispatcher = await here.begin(slots=1)
    for name in ("held", "waits"):
        await dispatcher.submit(name, "t")
    await until(lambda: here.work.begun)
    assert await dispatcher.cancel("waits") is State.CANCELLED
    assert await dispatcher.cancel("held") is State.RUNNING
    await here.reach("held", State.CANCELLED)
    assert await dispatcher.cancel("held") is State.CANCELLED
    assert await dispatcher.cancel("other") is None
    await dispatcher.submit("last", "t")
    await here.reach("last", State.ENDED)
    assert await dispatcher.cancel("last") is State.ENDED
    assert (here.work.begun, here.work.cancelled) == (["held", "last"], ["held"])


async def test_a_run_that_fails_is_tried_again_and_given_up(here: Here) -> None:
    dispatcher = await here.begin(retries=2)
    await dispatcher.submit("bad", "t")
    await here.reach("bad", State.FAILED)
    assert (here.work.begun, here.work.failed) == (["bad"] * 3, ["bad"])
    assert await dispatcher.submit("bad", "t", again=True)
    await until(lambda: len(here.work.begun) == 6)


async def test_a_run_says_why_it_waits(here: Here) -> None:
    viewer = await here.begin(slots=0)
    await viewer.submit("held", "t")
    found = await viewer.why_waiting("held")
    assert found is not None
    assert (found.position, found.reason) == (1, "no-worker")
    await viewer.stop()
    dispatcher = await here.begin(slots=2)
    here.work.shares["capped"] = Share(cap=1)
    for name, tenant in (("held-2", "capped"), ("a", "capped"), ("b", "capped"), ("c", "t")):
        await dispatcher.submit(name, tenant, 1 if name == "b" else 0)
    await until(lambda: "held" in here.work.begun and "held-2" in here.work.begun)
    told = {name: await dispatcher.why_waiting(name) for name in ("held", "a", "b", "c")}
    assert {name: it and (it.position, it.reason) for name, it in told.items()} == {
        "held": None,
        "a": (2, "cap"),
        "b": (1, "cap"),
        "c": (1, "busy"),
    }


async def test_what_runs_is_waited_for_when_the_worker_drains(here: Here) -> None:
    dispatcher = await here.begin(slots=1)
    for name in ("held", "waits"):
        await dispatcher.submit(name, "t")
    await until(lambda: here.work.begun)
    stopping = asyncio.ensure_future(dispatcher.stop())
    await asyncio.sleep(0.1)
    assert not stopping.done()
    here.work.gate("held").set()
    await stopping
    assert (here.work.ended, here.work.lost) == (["held"], [])
    await here.begin()
    await here.reach("waits", State.ENDED)
    assert here.work.begun == ["waits"]


@pytest.mark.parametrize("drain", [True, False])
async def test_what_runs_is_handed_over(drain: bool, here: Here) -> None:
    dispatcher = await here.begin(slots=1)
    await dispatcher.submit("held", "t")
    await until(lambda: here.work.begun)
    await dispatcher.stop(drain=drain, seconds=0.05)
    assert here.work.lost == ["held"]
    after = await here.begin()
    await until(lambda: here.work.begun)
    here.work.gate("held").set()
    await here.reach("held", State.ENDED)
    entry = await after.status("held")
    assert entry is not None
    assert (entry.number, entry.failures) == (2, 0)


async def test_what_a_process_without_slots_accepts_is_executed_elsewhere(here: Here) -> None:
    front = await here.begin(slots=0)
    await front.submit("r", "t")
    await front.stop()
    with pytest.raises(DispatchError, match="has stopped"):
        await front.submit("s", "t")
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
        await other.submit("r", "t")


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
            await dispatcher.submit(run_id, tenant, priority)


async def test_what_has_ended_can_be_forgotten(here: Here) -> None:
    dispatcher = await here.begin()
    for name in ("a", "b", "c"):
        await dispatcher.submit(name, "t")
        await here.reach(name, State.ENDED)
    assert await dispatcher.purge(3600) == 0
    assert await dispatcher.purge(-1, limit=2) == 2
    assert await dispatcher.purge(-1) == 1
    assert await dispatcher.list() == ()
    assert await dispatcher.submit("a", "t")
    await here.reach("a", State.ENDED)
    assert here.work.begun.count("a") == 2


async def test_a_run_that_cannot_be_written_is_not_accepted(here: Here, place: str) -> None:
    dispatcher = await here.begin(slots=0)
    engine = open_tables(place)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE queue RENAME TO elsewhere"))
    with pytest.raises(DispatchError, match="cannot be accepted"):
        await dispatcher.submit("r", "t")
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO queue"))
    assert await dispatcher.submit("r", "t")
    engine.dispose()


def values(engine: sa.Engine, schema: str | None) -> list[Any]:
    """Return every value of every table."""
    found: list[Any] = []
    with engine.connect() as connection:
        for name in sa.inspect(connection).get_table_names(schema=schema):
            table = sa.text(f"SELECT * FROM {'' if schema is None else f'{schema}.'}{name}")  # noqa: S608
            found += [it for row in connection.execute(table) for it in row]
    return found


def is_pickle(value: Any) -> bool:
    """Say whether a value is a pickle, as it is or in base64; protocols from 2 on begin so."""
    if not isinstance(value, str | bytes):
        return False
    data = value.encode() if isinstance(value, str) else value
    try:
        decoded = base64.b64decode(data, validate=True)
    except ValueError:
        decoded = b""
    return data[:1] == b"\x80" or decoded[:1] == b"\x80"


async def test_no_table_holds_a_pickle(here: Here, place: str) -> None:
    dispatcher = await here.begin(retries=0)
    for name in ("r", "bad", "held"):
        await dispatcher.submit(name, "t")
    await here.reach("bad", State.FAILED)
    await dispatcher.stop(drain=False)
    if "://" in place:
        engine = open_tables(place)
        found = values(engine, "dbos") + values(engine, None)
    else:
        assert Path(f"{place}-dbos").exists()
        engine = sa.create_engine(f"sqlite:///{place}-dbos")
        found = values(engine, None)
    engine.dispose()
    assert "portable_json" in found
    assert "py_pickle" not in found
    assert [it for it in found if is_pickle(it)] == []
    assert is_pickle("gASVBQAAAAAAAABLAS4=")
