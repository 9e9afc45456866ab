"""The statements of a journal, made once for each kind of database. Each names the epoch that the run must have."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from blockyard_platform.store.tables import BLOBS, PINS, RECORDS, RUNS, STARTS


class Statements(NamedTuple):
    """What a journal executes, made once for each kind of database."""

    record: sa.Executable
    light: sa.Executable
    start: sa.Executable
    close: sa.Executable
    pin: sa.Executable
    blob: sa.Executable


@cache
def statements(dialect: str) -> Statements:
    """Return the statements for a kind of database."""
    alone = dialect == "sqlite"  # there is one writer
    insert = sqlite.insert if alone else postgresql.insert
    return Statements(
        record=_upsert(insert, RECORDS, lock=not alone),
        light=_upsert(insert, RECORDS, *(() if alone else (_NO_WAIT,)), lock=False),
        start=_upsert(insert, STARTS, lock=not alone),
        close=sa.delete(STARTS).where(
            STARTS.c.run == sa.bindparam("run"), STARTS.c.path == sa.bindparam("path")
        ),
        pin=_upsert(insert, PINS, lock=not alone),
        blob=_put_blob(insert(BLOBS), dialect),
    )


def _put_blob(insert: Any, dialect: str) -> sa.Executable:
    """Return the statement that sees to it that a blob is there until the commit.

    SQLite has one writer. In PostgreSQL a purge could delete the blob before the record that uses it is there to be seen: so its row
    is locked, by an update that changes nothing.
    """
    found: sa.Executable = (
        insert.on_conflict_do_nothing()
        if dialect == "sqlite"
        else insert.on_conflict_do_update(
            index_elements=[BLOBS.c.digest], set_={"digest": insert.excluded.digest}
        )
    )
    return found


_NO_WAIT = sa.func.set_config("synchronous_commit", "off", sa.true()).is_not(None)
"""Holds always, and has the commit of this one transaction not wait for the disk."""


def _upsert(into: Any, table: sa.Table, *more: sa.ColumnElement[bool], lock: bool) -> sa.Executable:
    """Return the statement that writes a row, or writes over it, while the run has the epoch.

    With ``lock`` who takes the run over waits for a write that is about to be committed, and sees it; without, both could do what it tells of.
    """
    mine = sa.select(RUNS.c.id).where(
        RUNS.c.id == sa.bindparam("run"), RUNS.c.epoch == sa.bindparam("epoch")
    )
    locked = mine.with_for_update(read=True).cte("mine")
    holds = sa.exists().select_from(locked) if lock else mine.exists()
    values = [sa.bindparam(column.name, type_=column.type) for column in table.c]
    insert = into(table).from_select(list(table.c), sa.select(*values).where(holds, *more))
    changed = {column.name: insert.excluded[column.name] for column in table.c}
    if table is STARTS:
        # A beginning that is noted again is the earlier one, but where a clock was ahead the first time.
        at, again = STARTS.c.at, insert.excluded.at
        changed = {"count": STARTS.c.count + 1, "at": sa.case((again < at, again), else_=at)}
    statement = insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed)
    kept: sa.Executable = statement.execution_options(preserve_rowcount=True)
    return kept
