"""Rows of records, many at once, each written only while its run has the epoch that it names: by the driver itself.

The statements are SQLAlchemy's, put into words once. A row by its machinery costs several times what the database does with it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import postgresql, sqlite

from blockyard_platform.store.rows import dumped
from blockyard_platform.store.tables import RECORDS, RUNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    Row = dict[str, Any]


def put(connection: Connection, rows: Sequence[Row]) -> int:
    """Write rows in the transaction of a connection, and return how many were written: those whose run has the ``epoch`` in the row.

    No two may be of one run and path. What the database says against it is raised as SQLAlchemy does.
    """
    if not rows:
        return 0
    raw: Any = connection.connection.dbapi_connection
    try:
        if connection.dialect.name == "sqlite":
            return int(raw.executemany(_on_sqlite(), rows).rowcount)
        return int(raw.execute(_on_postgresql(), (dumped(rows),), prepare=True).rowcount)
    except connection.dialect.loaded_dbapi.Error as error:
        raise exc.DBAPIError("records", None, error) from error


def put_alone(connection: Connection, rows: Sequence[Row]) -> int:
    """Write rows as :meth:`put` does, and commit, by a connection that is in no transaction."""
    if connection.dialect.name != "sqlite":
        return put(connection, rows)  # one statement, and the connection commits each
    raw: Any = connection.connection.dbapi_connection
    try:
        written = put(connection, rows)
        raw.commit()
    except BaseException as error:
        raw.rollback()
        if isinstance(error, connection.dialect.loaded_dbapi.Error):
            raise exc.DBAPIError("records", None, error) from error
        raise
    return written


@cache
def _on_sqlite() -> str:
    """Return the statement for one row, by the names of its columns."""
    given = [sa.bindparam(it.name, type_=it.type) for it in RECORDS.c]
    source = sa.select(*given).where(_holds(sa.bindparam("run"), sa.bindparam("epoch")))
    dialect: Any = sqlite.dialect
    statement = _upsert(sqlite.insert(RECORDS), source)
    return str(statement.compile(dialect=dialect(paramstyle="named")))


@cache
def _on_postgresql() -> str:
    """Return the statement for all rows, given as one JSON text: a list of objects. Rows are locked in one order, whoever writes them."""
    text = sa.cast(sa.bindparam("rows", type_=sa.Text), postgresql.JSON)
    columns = [sa.column(it.name, it.type) for it in (*RECORDS.c, RUNS.c.epoch)]
    given = sa.func.json_to_recordset(text).table_valued(*columns)
    rows = given.render_derived(name="given", with_types=True)
    source = sa.select(*[rows.c[it.name] for it in RECORDS.c])
    source = source.where(_holds(rows.c.run, rows.c.epoch)).order_by(rows.c.run, rows.c.path)
    dialect: Any = postgresql.psycopg.dialect
    statement = _upsert(postgresql.insert(RECORDS), source)
    return str(statement.compile(dialect=dialect(paramstyle="format")))


def _holds(run: Any, epoch: Any) -> sa.ColumnElement[bool]:
    """Whether a run has an epoch, looked up by the key of each row: a join could be planned as a walk through all runs."""
    found: sa.ColumnElement[bool] = (
        sa.select(RUNS.c.epoch).where(RUNS.c.id == run).scalar_subquery() == epoch
    )
    return found


def _upsert(insert: Any, source: sa.Select[Any]) -> Any:
    statement = insert.from_select(list(RECORDS.c), source)
    changed = {it.name: statement.excluded[it.name] for it in RECORDS.c if not it.primary_key}
    return statement.on_conflict_do_update(index_elements=list(RECORDS.primary_key), set_=changed)
