"""The store in SQLite and PostgreSQL: runs, records, effects, taking over, migrations."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event

from blockyard_platform import Answer, Runner
from blockyard_platform.engine.handle import RunHandle
from blockyard_platform.engine.journal import Begun, Marks
from blockyard_platform.events import RunView
from blockyard_platform.results import RunResult, StageRecord
from blockyard_platform.store.engines import open_engine
from blockyard_platform.store.errors import FencedError, StoreError
from blockyard_platform.store.migrations import upgrade
from blockyard_platform.store.store import Store
from blockyard_platform.store.tables import HEAD, INLINE_BYTES, METADATA
from blockyard_platform.waits import Waiting
from blockyard_schemas.statuses import Code, Status


def record(path: str, outputs: Any = None, **more: Any) -> StageRecord:
    given: dict[str, Any] = {
        "id": path.split("/")[-1],
        "path": path,
        "kind": "call",
        "status": Status.SUCCESS,
        "code": Code.DONE,
        "outputs": outputs if outputs is not None else {},
        "error": None,
        "started": 1.5,
        "seconds": 0.25,
        "attempts": 1,
    }
    return StageRecord(**(given | more))


def test_a_statement_sees_what_it_has_waited_for_whatever_the_servers_default(
    postgres: str,
) -> None:
    name = "seeing_the_past"
    url = sa.make_url(postgres).set(drivername="postgresql+psycopg")
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        connection.exec_driver_sql(
            f"ALTER DATABASE {name} SET default_transaction_isolation TO 'repeatable read'"
        )
    engine = open_engine(postgres.replace("/postgres?", f"/{name}?"))
    alone = engine.execution_options(isolation_level="AUTOCOMMIT")
    for each in (engine, alone, engine):  # also on a connection that was used otherwise before
        with each.connect() as connection:
            level = connection.exec_driver_sql("SHOW transaction_isolation").scalar_one()
            driver: Any = connection.connection.dbapi_connection
            assert (level, driver.info.transaction_status.name) == (
                "read committed",
                "IDLE" if each is alone else "INTRANS",
            )
    engine.dispose()
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    admin.dispose()


def test_what_is_written_is_read_again(store: Store) -> None:
    journal = store.create("r", "w", {"name": "w"}, {"a": [1, "é", None]})
    error = {"name": "TIMEOUT", "message": "läng\x00er", "line": 3, "text": None}
    records = [
        record("a", {"result": {"x": [1.5, True, "\x00", "\ud800"]}}),
        record("b/c", status=Status.FAILED, code=Code.TIMEOUT, error=error, attempts=3),
        record("d", {"result": "x" * (INLINE_BYTES + 1)}, started=None),
        record("e", {"result": "x" * (INLINE_BYTES + 1)}),
    ]
    for each in records:
        journal.finished(
            each,
            Marks(use=("text.upper", len(each.path)), variables={"v": each.path}, cpu_seconds=2.0),
        )
    journal.close()
    stored = store.read("r")
    assert (stored.document, stored.params) == ({"name": "w"}, {"a": [1, "é", None]})
    taken, past = store.take("r")
    taken.close()
    assert list(past.records.values()) == records
    assert (dict(past.uses), past.variables, past.cpu_seconds) == (
        {"text.upper": 3},
        {"v": "e"},
        2.0,
    )
    assert (past.again, store.paths("r")) == (False, ["a", "b/c", "d", "e"])


def test_a_record_is_written_over(store: Store) -> None:
    journal = store.create("r", "w", {}, {})
    journal.finished(record("a", status=Status.FAILED, code=Code.RAISED), Marks())
    journal.finished(record("a", {"n": 2}), Marks(durable=True))
    journal.close()
    taken, past = store.take("r")
    taken.close()
    assert past.records == {"a": record("a", {"n": 2})}


def test_an_effect_is_open_until_its_record_is_there(store: Store) -> None:
    journal = store.create("r", "w", {}, {})
    journal.started("a", 10.0)
    journal.started("b", 11.0)
    journal.started("b", 12.0)
    journal.started("w", 13.0)
    journal.finished(record("a"), Marks(durable=True))
    journal.finished(record("w", kind="wait", status=Status.CANCEL), Marks())
    journal.close()
    taken, past = store.take("r")
    taken.close()
    assert past.begun == {"b": Begun(2, 11.0), "w": Begun(1, 13.0)}


def test_a_run_has_one_holder(store: Store) -> None:
    first = store.create("r", "w", {}, {})
    first.finished(record("a"), Marks())
    second, past = store.take("r")
    assert list(past.records) == ["a"]
    writes: list[Callable[[], None]] = [
        lambda: first.finished(record("b"), Marks()),
        lambda: first.started("b", 1.0),
        lambda: first.ended(RunResult("r", "w", Status.SUCCESS)),
    ]
    for write in writes:
        with pytest.raises(FencedError, match="taken over by another process"):
            write()
    second.finished(record("c"), Marks())
    second.ended(RunResult("r", "w", Status.FAILED))
    first.close()
    second.close()
    assert (store.paths("r"), store.read("r").status) == (["a", "c"], Status.FAILED)


def test_a_run_that_had_ended_is_done_again_however_often_it_is_cut_off(store: Store) -> None:
    journal = store.create("r", "w", {}, {})
    journal.finished(record("a", status=Status.FAILED, code=Code.RAISED), Marks())
    journal.ended(RunResult("r", "w", Status.FAILED))
    journal.close()
    assert store.read("r").result is not None
    for _ in range(3):
        taken, past = store.take("r")
        taken.close()
        assert (past.again, store.read("r").status) == (True, Status.WAIT)
        assert store.read("r").result is None


def test_an_effect_that_is_begun_again_is_open_again(store: Store) -> None:
    journal = store.create("r", "w", {}, {})
    journal.started("a", 1.0)
    journal.finished(record("a", status=Status.FAILED, code=Code.RAISED), Marks(durable=True))
    journal.ended(RunResult("r", "w", Status.FAILED))
    journal.close()
    again, past = store.take("r")
    assert past.begun == {}
    again.started("a", 2.0)
    again.close()
    taken, past = store.take("r")
    taken.close()
    assert past.begun == {"a": Begun(1, 2.0)}


def test_what_was_used_is_not_given_back(store: Store) -> None:
    journal = store.create("r", "w", {}, {})
    for number, path in enumerate("abc", 1):
        journal.finished(record(path), Marks(use=("mine.send", number), cpu_seconds=float(number)))
    journal.close()
    for drop in ([], ["b", "c"], ["a"]):
        taken, past = store.take("r", drop=drop)
        taken.close()
        assert (dict(past.uses), past.cpu_seconds) == ({"mine.send": 3}, 3.0)


def test_a_reset_ends_what_another_process_writes(store: Store) -> None:
    journal = store.create("r", "w", {}, {})
    store.reset("r", {})
    with pytest.raises(FencedError):
        journal.finished(record("a"), Marks())
    journal.close()
    assert store.paths("r") == []


def test_a_database_that_fails_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.db")
    engine = open_engine(tmp_path / "runs.db")
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE runs"))
    engine.dispose()
    for call in (store.runs, lambda: store.read("r"), lambda: store.create("r", "w", {}, {})):
        with pytest.raises(StoreError, match="the journal cannot be used: no such table: runs"):
            call()
    store.close()


def test_runs_are_listed_the_latest_first(store: Store) -> None:
    for name in ("a", "b"):
        store.create(name, f"w-{name}", {}, {}).close()
    assert [(row[0], row[1], row[2]) for row in store.runs()] == [
        ("b", "w-b", Status.WAIT),
        ("a", "w-a", Status.WAIT),
    ]
    assert (store.has("a"), store.has("c")) == (True, False)


def test_an_id_is_taken_once(store: Store) -> None:
    store.create("r", "w", {}, {}).close()
    with pytest.raises(StoreError, match="there is a run r already"):
        store.create("r", "w", {}, {})


def test_a_run_is_reset(store: Store) -> None:
    journal = store.create("r", "w", {"n": 1}, {"p": 1})
    journal.started("a", 1.0)
    journal.finished(record("a"), Marks())
    journal.close()
    store.reset("r", {"p": 2}, {"n": 2})
    taken, past = store.take("r")
    taken.close()
    assert (past.records, past.begun) == ({}, {})
    assert (store.read("r").params, store.read("r").document) == ({"p": 2}, {"n": 2})


def test_many_records_can_be_dropped(store: Store) -> None:
    journal = store.create("r", "w", {}, {})
    paths = [f"a[{number}]" for number in range(1_200)]
    for path in paths:
        journal.finished(record(path), Marks())
    journal.close()
    taken, past = store.take("r", drop=paths[1:])
    taken.close()
    assert list(past.records) == ["a[0]"]


def test_the_migrations_make_the_tables_that_the_program_knows(place: str) -> None:
    engine = open_engine(place)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == HEAD
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    upgrade(engine)
    engine.dispose()


ASKS: dict[str, Any] = {
    "name": "t",
    "stages": [
        {"id": "a", "wait": {"approval": {"message": "go on?"}}},
        {"id": "b", "echo": "x"},
    ],
}
YES = Answer(approved=True)


def nobody(_run: RunView, _waiting: Waiting) -> None:
    """Leave an approval to who has the handle."""


async def asked(handle: RunHandle) -> None:
    """Wait until a run waits for its answer: it is at work until then."""
    async with asyncio.timeout(120):
        while "a" not in handle.waiting:
            await asyncio.sleep(0.01)


async def test_a_run_is_taken_over_while_it_is_at_work(place: str) -> None:
    async with Runner(journal=place) as one, Runner(journal=place) as two:
        handle = one.start(ASKS, run_id="r", on_approval=nobody)
        await asked(handle)
        heir = two.start_again("r", on_approval=nobody)
        await asked(heir)
        assert handle.answer("a", YES)
        assert heir.answer("a", YES)
        taken, lost = await heir.result(), await handle.result()
    assert taken.status == "SUCCESS"
    assert lost.status == "FAILED"
    assert [problem.rule for problem in lost.problems] == ["INTERRUPTED"]
    assert "taken over by another process" in lost.problems[0].message
    store = Store(place)
    assert store.read("r").status is Status.SUCCESS
    store.close()


def cut_off(postgres: str) -> None:
    """End all connections to a database, and wait until they have ended: they are only told to."""
    engine = sa.create_engine(sa.make_url(postgres).set(drivername="postgresql+psycopg"))
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    with engine.connect() as connection:
        connection.execute(sa.text(f"SELECT pg_terminate_backend(pid) {others}"))
        while connection.scalar(sa.text(f"SELECT count(*) {others}")):
            connection.rollback()
    engine.dispose()


async def test_a_server_that_ends_the_connection_ends_the_run(postgres: str) -> None:
    async with Runner(journal=postgres) as runner:
        handle = runner.start(ASKS, run_id="cut", on_approval=nobody)
        await asked(handle)
        cut_off(postgres)
        assert handle.answer("a", YES)
        result = await handle.result()
    assert (result.status, [it.rule for it in result.problems]) == ("FAILED", ["INTERRUPTED"])
    assert "the journal cannot be written" in result.problems[0].message


@pytest.mark.parametrize("room", [10, 40, 180])
async def test_a_full_disk_ends_the_run(room: int, tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "runs.db")
    with engine.connect() as connection:
        pages = room + connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    engine.dispose()

    def limit(connection: Any, _: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(sa.engine.Engine, "connect", limit)
    stages = [
        {"id": f"s{n}", "run": "result = 'x' * 50_000 + str(n)", "vars": {"n": n}}
        for n in range(10)
    ]
    async with Runner(journal=tmp_path / "runs.db") as runner:
        result = await runner.run({"name": "t", "stages": stages}, run_id="r")
    event.remove(sa.engine.Engine, "connect", limit)
    assert result.status == "FAILED"
    assert [it.rule for it in result.problems] == ["INTERRUPTED"]
    assert "full" in result.problems[0].message


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("/no/such/folder/runs.db", "cannot use the journal"),
        ("mysql://me@host/x", "there is no journal in mysql"),
        ("postgresql://me:secret@127.0.0.1:1/x", "cannot use the journal"),
        ("://", "cannot be read"),
    ],
)
def test_a_place_that_cannot_be_used_is_named(place: str, words: str) -> None:
    with pytest.raises(StoreError, match=words) as caught:
        Store(place)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("my notes, which are longer than a header of a database would be" * 10)
    before = file.read_text()
    with pytest.raises(StoreError, match="not a database"):
        Store(file)
    assert file.read_text() == before
