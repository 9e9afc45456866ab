"""Taking up a run that was accepted and never begun: as a new run, and for one statement."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from blockyard_platform import Runner
from blockyard_platform.engine.journal import Marks, Past
from blockyard_platform.events import Event, RunView
from blockyard_platform.store.errors import FencedError
from blockyard_platform.store.rows import fingerprint, row_of, run_row
from blockyard_platform.store.statements import statements as made_for
from blockyard_platform.store.store import Store
from blockyard_platform.store.tables import RUNS
from blockyard_schemas.statuses import Status

from .test_store import record

DOCUMENT: dict[str, Any] = {
    "name": "w",
    "params": {"n": {"type": "integer", "default": 3}},
    "stages": [
        {"id": "a", "echo": "${{ params.n }}"},
        {"id": "set", "uses": "variable.set", "with": {"name": "v", "value": "${{ params.n }}"}},
        {"id": "f", "foreach": [1, 2], "stages": [{"id": "s", "raise": "no"}]},
    ],
}


@pytest.fixture
def engine(place: str) -> sa.Engine:
    url = place.replace("postgresql:", "postgresql+psycopg:") if "://" in place else place
    return sa.create_engine(url if "://" in url else f"sqlite:///{url}", poolclass=sa.NullPool)


def accept(engine: sa.Engine, document: dict[str, Any], params: dict[str, Any]) -> None:
    """Write the row of a run that nobody has begun, as one who only accepts it does."""
    with engine.begin() as connection:
        connection.execute(sa.insert(RUNS), run_row("r", document["name"], document, params))
    engine.dispose()


@pytest.fixture
def statements() -> Any:
    """Return the list of the statements that are executed, on any engine."""
    found: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    event.listen(sa.engine.Engine, "before_cursor_execute", note)
    yield found
    event.remove(sa.engine.Engine, "before_cursor_execute", note)


def test_a_run_that_was_never_begun_is_taken_with_one_statement(
    store: Store, engine: sa.Engine, statements: list[str]
) -> None:
    accept(engine, DOCUMENT, {"n": 1})
    statements.clear()
    journal, past = store.take("r", {"n": 1})
    journal.close()
    assert [it.split()[0] for it in statements] == ["UPDATE"]
    assert (past, past.empty, store.read("r").epoch) == (Past({}), True, 1)


def accept_all(engine: sa.Engine, *names: str) -> None:
    with engine.begin() as connection:
        rows = [run_row(it, "w", DOCUMENT, {}) for it in names]
        connection.execute(sa.insert(RUNS), rows)
    engine.dispose()


def test_runs_that_nobody_has_had_are_taken_together(
    store: Store, engine: sa.Engine, statements: list[str]
) -> None:
    accept_all(engine, "a", "b", "c", "d", "e")
    with engine.begin() as connection:
        ended = sa.update(RUNS).where(RUNS.c.id == "d")
        connection.execute(ended.values(status=Status.CANCEL.value))
        again = sa.update(RUNS).where(RUNS.c.id == "e")
        connection.execute(again.values(again=1))
    store.take("c")[0].close()
    statements.clear()
    assert store.begin(["b", "nobody", "c", "a", "b", "d", "e"]) == {"a", "b"}
    assert len(statements) == 1
    assert store.begin([]) == set()
    assert store.begin(["a", "b"]) == set()
    assert [store.read(it).epoch for it in "abcde"] == [1, 1, 1, 0, 0]
    assert store.read("d").status is Status.CANCEL


def test_who_has_begun_a_run_writes_until_another_takes_it(store: Store, engine: sa.Engine) -> None:
    accept_all(engine, "a", "b")
    assert store.begin(["a", "b"]) == {"a", "b"}
    first, other = store.journal("a", 1), store.journal("b", 1)
    first.finished(record("x"), Marks())
    second, past = store.take("a")
    assert (second.epoch, list(past.records)) == (2, ["x"])
    with pytest.raises(FencedError):
        first.finished(record("y"), Marks())
    other.finished(record("z"), Marks())
    for each in (first, other, second):
        each.close()
    assert (store.paths("a"), store.paths("b")) == (["x"], ["z"])


def test_a_run_that_was_begun_and_left_is_as_one_that_is_new(
    store: Store, engine: sa.Engine
) -> None:
    accept_all(engine, "a")
    assert store.begin(["a"]) == {"a"}  # and its process dies
    journal, past = store.take("a")
    journal.close()
    assert (journal.epoch, past.empty) == (2, True)


def test_a_run_that_somebody_changes_is_not_waited_for(store: Store, engine: sa.Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("a database with one writer")
    accept_all(engine, "a", "b", "c")
    with engine.connect() as connection:
        connection.execute(sa.update(RUNS).where(RUNS.c.id == "b").values(epoch=1))
        # Rows that refer to a run let it be taken.
        wanted = sa.select(RUNS.c.id).where(RUNS.c.id == "c")
        connection.execute(wanted.with_for_update(read=True, key_share=True))
        assert store.begin(["c", "b", "a"]) == {"a", "c"}
        connection.commit()
    assert [store.read(it).epoch for it in "abc"] == [1, 1, 1]
    engine.dispose()


def started(path: str) -> dict[str, Any]:
    return {"path": path, "at": 1.0, "count": 1}


def ended(path: str) -> dict[str, Any]:
    return row_of(record(path), Marks())[0] | {"seq": 1}


def pinned(path: str) -> dict[str, Any]:
    return {"name": path, "value": "v"}


WRITES: dict[str, tuple[Callable[[str], dict[str, Any]], Callable[[Past], Iterable[str]]]] = {
    "start": (started, lambda past: past.begun),
    "record": (ended, lambda past: past.records),
    "pin": (pinned, lambda past: past.pins),
}


@pytest.mark.parametrize("kind", WRITES)
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_who_takes_a_run_over_waits_for_what_is_about_to_be_committed(
    store: Store, engine: sa.Engine, kind: str
) -> None:
    """Else both would begin, or the heir do again what was done, and nobody would know."""
    accept(engine, DOCUMENT, {})
    store.take("r")[0].close()
    row, found = WRITES[kind]
    writes = getattr(made_for("postgresql"), kind)
    waits = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with ThreadPoolExecutor(1) as heir, engine.connect() as late, engine.connect() as look:
        late.execute(writes, {"run": "r", "epoch": 1} | row("a"))
        taking = heir.submit(store.take, "r")
        until = time.monotonic() + 60
        while not taking.done() and not look.scalar(waits):
            look.rollback()
            assert time.monotonic() < until
        assert not taking.done()
        late.commit()
        journal, past = taking.result(60)
        assert list(found(past)) == ["a"]
        assert late.execute(writes, {"run": "r", "epoch": 1} | row("b")).rowcount == 0
    journal.close()
    engine.dispose()


def test_what_a_run_begins_with_is_what_its_first_taker_says(
    store: Store, engine: sa.Engine
) -> None:
    accept(engine, DOCUMENT, {})
    for params in ({"n": 3}, {"n": 4}):
        store.take("r", params)[0].close()
        stored = store.read("r")
        assert (stored.params, stored.fingerprint) == (params, fingerprint({"n": 3}))


def test_only_the_last_taker_can_write(store: Store, engine: sa.Engine) -> None:
    accept(engine, DOCUMENT, {})
    first, _ = store.take("r")
    first.finished(record("a"), Marks())
    second, past = store.take("r")
    assert list(past.records) == ["a"]
    with pytest.raises(FencedError):
        first.finished(record("b"), Marks())
    second.finished(record("c"), Marks())
    first.close()
    second.close()
    assert store.paths("r") == ["a", "c"]


@pytest.mark.parametrize(
    ("past", "empty"),
    [
        (Past({}), True),
        (Past({}, again=True), True),
        (Past({"a": record("a")}), False),
        (Past({}, uses={"text.upper": 1}), False),
        (Past({}, variables={"v": 1}), False),
        (Past({}, cpu_seconds=0.5), False),
        (Past({}, pins={"image a": "b"}), False),
    ],
)
def test_an_empty_past_is_one_that_changes_nothing(past: Past, empty: bool) -> None:
    assert past.empty is empty


async def test_it_runs_as_a_new_run_does(place: str, engine: sa.Engine) -> None:
    told: dict[str, list[Any]] = {"new": [], "taken": []}

    def listen(name: str) -> Any:
        def note(_run: RunView, event: Event) -> None:
            record = event.record
            told[name].append(
                (event.kind, event.path, None if record is None else (record.code, record.outputs))
            )

        return note

    async with Runner(journal=place) as runner:
        accept(engine, DOCUMENT, {})
        taken = await runner.resume("r", on_event=listen("taken"))
        new = await runner.run(DOCUMENT, run_id="new", on_event=listen("new"))
    assert (taken.status, taken.outputs) == (new.status, new.outputs) == ("FAILED", {})
    assert told["taken"] == told["new"]
    store = Store(place)
    assert store.paths("r") == store.paths("new") == ["a", "set", "f[0]/s", "f"]
    assert (store.read("r").status, store.read("r").params) == (Status.FAILED, {"n": 3})
    store.close()


async def test_a_run_that_was_never_begun_has_no_input_to_change(
    place: str, engine: sa.Engine
) -> None:
    document = DOCUMENT | {"stages": [{"id": "a", "echo": "${{ params.n }}"}]}
    async with Runner(journal=place) as runner:
        accept(engine, document, {})
        result = await runner.resume("r", on_input_change="raise")
        again = await runner.resume("r", on_input_change="raise")
    assert (result.status, again.status) == ("SUCCESS", "SUCCESS")
