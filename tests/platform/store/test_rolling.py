"""Rolling upgrades: a process of the version before goes on with a database that this version has migrated."""

from typing import Any

import pytest
import sqlalchemy as sa

from blockyard_platform.engine.journal import Marks
from blockyard_platform.results import RunResult
from blockyard_platform.store.engines import open_engine
from blockyard_platform.store.errors import StoreError
from blockyard_platform.store.store import Store
from blockyard_schemas.statuses import Status

from .test_migrating import back
from .test_store import record

BEFORE = "0004"
"""The newest migration of the release before: what it writes and reads must go on working. Raised with each release."""

Form = dict[str, dict[str, Any]]


def form_of(engine: sa.Engine | sa.Connection) -> Form:
    """Return what a database's tables ask of those who write: columns, and what must be unique or there."""
    look = sa.inspect(engine)
    found: Form = {}
    for table in look.get_table_names():
        columns = {it["name"]: it for it in look.get_columns(table)}
        unique: list[Any] = [it["column_names"] for it in look.get_unique_constraints(table)]
        unique += [it["column_names"] for it in look.get_indexes(table) if it["unique"]]
        foreign = [it["constrained_columns"] for it in look.get_foreign_keys(table)]
        checks = [it["sqltext"] for it in look.get_check_constraints(table)]
        key = look.get_pk_constraint(table)["constrained_columns"]
        rules = {"key": [key], "unique": unique, "foreign": foreign, "checks": checks}
        found[table] = {"columns": columns, "rules": rules}
    return found


def broken(old: Form, new: Form) -> list[str]:
    """Return what a program that knows the old tables alone would stumble over in the new ones."""
    found: list[str] = []
    for table, known in old.items():
        if table not in new:
            found.append(f"{table} is gone")
            continue
        found += _broken_columns(table, known["columns"], new[table]["columns"])
        for name, before in known["rules"].items():
            after = new[table]["rules"][name]
            more = [it for it in after if it not in before]
            # A row that the old program writes leaves new columns empty, which breaks no rule that is about them alone.
            ours = [it for it in more if isinstance(it, str) or set(it) <= known["columns"].keys()]
            found += [f"{table} has a new rule ({name}): {it}" for it in ours]
    return found


def _broken_columns(table: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for name, column in new.items():
        before = old.get(name)
        if before is None:
            if not column["nullable"] and column["default"] is None:
                found.append(f"{table}.{name} is new, and must be given")
        elif str(before["type"]) != str(column["type"]):
            found.append(f"{table}.{name} was {before['type']}, and is {column['type']}")
        elif before["nullable"] and not column["nullable"]:
            found.append(f"{table}.{name} could be left out, and cannot any more")
    return found + [f"{table}.{name} is gone" for name in old if name not in new]


def test_this_version_only_adds_to_what_the_one_before_knows(place: str) -> None:
    engine = open_engine(place)
    new = form_of(engine)
    engine.dispose()
    back(place, BEFORE)
    engine = sa.create_engine(engine.url)
    assert broken(form_of(engine), new) == []
    engine.dispose()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DROP TABLE pins", "pins is gone"),
        ("ALTER TABLE runs DROP COLUMN again", "runs.again is gone"),
        ("ALTER TABLE runs RENAME COLUMN again TO anew", "runs.again is gone"),
        (
            "ALTER TABLE pins ADD COLUMN more INTEGER NOT NULL",
            "pins.more is new, and must be given",
        ),
        (
            "ALTER TABLE runs ALTER COLUMN ended SET NOT NULL",
            "runs.ended could be left out, and cannot any more",
        ),
        (
            "ALTER TABLE runs ALTER COLUMN created TYPE INTEGER",
            "runs.created was DOUBLE PRECISION, and is INTEGER",
        ),
        ("CREATE UNIQUE INDEX one ON pins (name)", "pins has a new rule (unique): ['name']"),
    ],
)
def test_a_step_that_takes_away_is_told(postgres: str, change: str, words: str) -> None:
    engine = open_engine(postgres)
    old = form_of(engine)
    with engine.connect() as connection:
        connection.execute(sa.text(change))
        assert words in broken(old, form_of(connection))
        connection.rollback()
    engine.dispose()


def test_a_process_that_runs_goes_on_when_a_newer_one_has_added_to_the_tables(place: str) -> None:
    store = Store(place)
    _use(store, "before")
    newer = open_engine(place)
    with newer.begin() as connection:
        for change in (
            "ALTER TABLE runs ADD COLUMN colour VARCHAR(10)",
            "ALTER TABLE runs ADD COLUMN weight INTEGER NOT NULL DEFAULT 7",
            "ALTER TABLE records ADD COLUMN node TEXT",
            "CREATE INDEX newer ON records (blob)",
            "CREATE TABLE newer_things (name TEXT PRIMARY KEY)",
            "UPDATE alembic_version SET version_num = '9999'",
        ):
            connection.execute(sa.text(change))
    newer.dispose()
    _use(store, "after")
    assert {row[0] for row in store.runs()} == {"before", "after"}
    store.close()
    with pytest.raises(StoreError, match="newer version"):
        Store(place)


def _use(store: Store, run_id: str) -> None:
    """Do all that a journal does, more often than PostgreSQL's client waits with preparing a statement."""
    journal = store.create(run_id, "w", {"name": "w"}, {})
    for number in range(12):
        journal.started(f"s{number}", 1.0)
        journal.finished(record(f"s{number}", {"text": "x" * 5_000}), Marks(durable=True))
        assert store.read(run_id).status is Status.WAIT
    journal.ended(RunResult(run_id, "w", Status.SUCCESS))
    journal.close()
    taken, past = store.take(run_id)
    taken.close()
    assert len(past.records) == 12
