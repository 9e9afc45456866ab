"""Records that journals of one event loop note at the same time: written as a group, each for itself when it fails."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from blockyard_platform.engine.journal import Begun, Marks
from blockyard_platform.errors import JournalError
from blockyard_platform.results import RunResult
from blockyard_platform.store.engines import open_engine
from blockyard_platform.store.errors import FencedError
from blockyard_platform.store.journal import SqlJournal
from blockyard_platform.store.records import put, put_alone
from blockyard_platform.store.rows import run_row
from blockyard_platform.store.store import Store
from blockyard_platform.store.tables import INLINE_BYTES, RECORDS, RUNS
from blockyard_schemas.statuses import Status

from .test_store import record


@pytest.fixture
def engine(place: str) -> Iterator[sa.Engine]:
    found = open_engine(place)
    yield found
    found.dispose()


@pytest.fixture
def store(engine: sa.Engine) -> Iterator[Store]:
    found = Store(engine, together=True)
    yield found
    found.close()


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the groups that are written: of each the runs, in order."""
    found: list[list[str]] = []

    def noted(connection: sa.Connection, rows: list[dict[str, Any]]) -> int:
        found.append([row["run"] for row in rows])
        return put_alone(connection, rows)

    monkeypatch.setattr("blockyard_platform.store.together.put_alone", noted)
    return found


def begin(engine: sa.Engine, store: Store, names: str) -> list[SqlJournal]:
    with engine.begin() as connection:
        connection.execute(sa.insert(RUNS), [run_row(name, "w", {}, {}) for name in names])
    return [store.take(name)[0] for name in names]


def paths(engine: sa.Engine) -> list[str]:
    wanted = sa.select(RECORDS.c.run + RECORDS.c.path).order_by(RECORDS.c.run, RECORDS.c.seq)
    with engine.connect() as connection:
        return list(connection.scalars(wanted))


async def written(*journals: SqlJournal) -> list[Any]:
    """Return what each comes to that waits for what it has noted."""
    waiting = [it.written() for it in journals]
    return await asyncio.gather(*[it for it in waiting if it is not None], return_exceptions=True)


async def test_what_several_note_is_one_group(
    engine: sa.Engine, store: Store, groups: list[list[str]]
) -> None:
    journals = begin(engine, store, "abc")
    for journal in journals:
        journal.finished(record("x", {"n": [1.5, "é\x00\ud800", None]}), Marks(cpu_seconds=0.25))
    assert [it.behind for it in journals] == [True] * 3
    assert paths(engine) == []
    assert await written(*journals) == [None] * 3
    assert (groups, [it.behind for it in journals]) == ([["a", "b", "c"]], [False] * 3)
    for journal in journals:
        assert journal.written() is None
        journal.close()
    _, past = store.take("b")
    assert past.records == {"x": record("x", {"n": [1.5, "é\x00\ud800", None]})}
    assert past.cpu_seconds == 0.25


async def test_what_nobody_waits_for_is_written_when_the_loop_turns(
    engine: sa.Engine, store: Store
) -> None:
    journal, _ = begin(engine, store, "ab")
    journal.finished(record("x"), Marks())
    journal.close()
    await asyncio.sleep(0)
    assert paths(engine) == ["ax"]


async def test_one_that_is_alone_does_not_wait(engine: sa.Engine, store: Store) -> None:
    first, second = begin(engine, store, "ab")
    first.finished(record("x"), Marks())
    assert second.written() is None
    first.close()
    second.finished(record("x"), Marks())
    assert second.written() is None
    assert paths(engine) == ["ax", "bx"]


async def test_who_has_lost_its_run_fails_alone(
    engine: sa.Engine, store: Store, groups: list[list[str]]
) -> None:
    journals = begin(engine, store, "abc")
    heir, _ = store.take("b")
    for journal in journals:
        journal.finished(record("x"), Marks())
    found = await written(*journals)
    assert (found[0], type(found[1]), found[2]) == (None, FencedError, None)
    assert "the run b was taken over" in str(found[1])
    assert (paths(engine), groups[0]) == (["ax", "cx"], ["a", "b", "c"])
    lost = journals[1]
    assert lost.behind
    for call in (
        lost.written,
        lost.rest,
        lambda: lost.finished(record("y"), Marks()),
        lambda: lost.started("y", 1.0),
        lambda: lost.pinned("n", "v"),
        lambda: lost.ended(RunResult("b", "w", Status.SUCCESS)),
    ):
        with pytest.raises(FencedError, match="the run b was taken over"):
            call()
    heir.finished(record("z"), Marks())
    journals[0].finished(record("z"), Marks())
    assert await written(heir, journals[0]) == [None, None]
    assert paths(engine) == ["ax", "az", "bz", "cx"]


async def test_what_the_database_refuses_concerns_the_one_run(
    engine: sa.Engine, store: Store
) -> None:
    journals = begin(engine, store, "abc")
    sqlite = "CREATE TRIGGER no BEFORE INSERT ON records WHEN NEW.run = 'b' BEGIN SELECT RAISE(ABORT, 'no b'); END"
    other = "ALTER TABLE records ADD CONSTRAINT no_b CHECK (run <> 'b')"
    with engine.begin() as connection:
        connection.exec_driver_sql(sqlite if engine.dialect.name == "sqlite" else other)
    for journal in journals:
        journal.finished(record("x"), Marks())
    found = await written(*journals)
    assert (found[0], type(found[1]), found[2]) == (None, JournalError, None)
    assert "the journal cannot be written" in str(found[1])
    assert paths(engine) == ["ax", "cx"]


async def test_a_connection_that_was_cut_is_followed_by_another(
    postgres: str, place: str, engine: sa.Engine, store: Store
) -> None:
    if "://" not in place:
        pytest.skip("a file has no server")
    journals = begin(engine, store, "ab")
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    for path in "xyz":
        for journal in journals:
            journal.finished(record(path), Marks())
        assert await written(*journals) == [None, None]
        with engine.connect() as connection:
            connection.exec_driver_sql(cut)
    assert paths(engine) == ["ax", "ay", "az", "bx", "by", "bz"]


async def test_one_that_is_cancelled_while_it_waits_holds_up_nobody(
    engine: sa.Engine, store: Store
) -> None:
    journals = begin(engine, store, "ab")

    async def work(journal: SqlJournal) -> str:
        journal.finished(record("x"), Marks())
        waiting = journal.written()
        assert waiting is not None
        await waiting
        return "went on"

    tasks = [asyncio.ensure_future(work(it)) for it in journals]
    asyncio.get_running_loop().call_soon(tasks[0].cancel)
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert (type(found[0]), found[1]) == (asyncio.CancelledError, "went on")
    assert paths(engine) == ["ax", "bx"]


async def test_what_was_noted_stands_before_an_effect_begins(
    engine: sa.Engine, store: Store
) -> None:
    journal, other = begin(engine, store, "ab")
    other.finished(record("x"), Marks())
    journal.finished(record("x"), Marks())
    journal.started("e", 7.0)
    assert paths(engine) == ["ax", "bx"]
    journal.finished(record("y"), Marks())
    journal.pinned("n", "v")
    assert paths(engine) == ["ax", "ay", "bx"]
    journal.finished(record("z"), Marks())
    journal.finished(record("big", {"t": "x" * INLINE_BYTES}), Marks())
    journal.finished(record("last"), Marks())
    journal.finished(record("e"), Marks(durable=True))
    assert paths(engine) == ["ax", "ay", "az", "abig", "alast", "ae", "bx"]
    journal.started("f", 8.0)
    journal.close()
    _, past = store.take("a")
    assert (past.begun, dict(past.pins)) == ({"f": Begun(1, 8.0)}, {"n": "v"})
    assert list(past.records) == ["x", "y", "z", "big", "last", "e"]


async def test_a_record_that_is_noted_twice_is_the_later_one(
    engine: sa.Engine, store: Store
) -> None:
    journal, _ = begin(engine, store, "ab")
    journal.finished(record("x", {"n": 1}), Marks())
    journal.finished(record("x", {"n": 2}), Marks())
    await asyncio.sleep(0)
    assert store.take("a")[1].records == {"x": record("x", {"n": 2})}


@pytest.mark.parametrize(
    ("marks", "seconds", "left"),
    [
        (Marks(), 0.5, 1),
        (Marks(variables={"v": 1}), 0.5, 1),
        (Marks(), 1.5, 0),
        (Marks(use=("mine.send", 1)), 0.5, 0),
    ],
)
async def test_what_took_long_or_is_counted_is_not_left_to_the_end(
    engine: sa.Engine, store: Store, marks: Marks, seconds: float, left: int
) -> None:
    journal, _ = begin(engine, store, "ab")
    journal.finished(record("x", seconds=seconds), marks)
    rows = journal.rest()
    journal.close()
    assert len(rows) == left
    await asyncio.sleep(0)
    assert paths(engine) == ([] if left else ["ax"])
    with engine.begin() as connection:
        assert put(connection, rows) == left
    assert paths(engine) == ["ax"]


async def test_the_rest_of_who_has_lost_its_run_is_not_written(
    engine: sa.Engine, store: Store
) -> None:
    first, second = begin(engine, store, "ab")
    for journal in (first, second):
        journal.finished(record("x"), Marks())
    rows = [*first.rest(), *second.rest()]
    store.take("a")[0].close()
    with engine.begin() as connection:
        assert put(connection, rows) == 1
    assert paths(engine) == ["bx"]
