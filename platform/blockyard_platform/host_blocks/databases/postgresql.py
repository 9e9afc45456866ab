"""Statements in PostgreSQL: in a transaction that is read-only, as a cursor of the server, for a user of few rights."""

from __future__ import annotations

from contextlib import closing
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, cast

import psycopg
from psycopg import errors
from psycopg.conninfo import make_conninfo

from blockyard_platform.containers import fail
from blockyard_platform.host_blocks.databases.placeholders import Numbered, numbered_of
from blockyard_platform.host_blocks.databases.results import (
    Found,
    Statement,
    gathered,
    refused,
    too_slow,
    unreachable,
)
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    import sqlalchemy as sa

_ALIVE: Final[dict[str, str | int]] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "application_name": "blockyard",
}
"""A server that goes away is noticed (libpq's parameters)."""

_PIECE: Final = 50
"""Rows that are fetched at a time."""

_RIGHTS: Final = """
select set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true), exists (
  select from pg_roles where pg_has_role(session_user, oid, 'member') and (rolsuper or rolname in
    ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')))
"""
"""Bounds on time; and whether the user may read the server's files or start programs, which no transaction forbids."""


def answer(url: sa.URL, statement: Statement) -> Found:
    """Run a statement on a connection of its own. Raises StageFailureError."""
    numbered = numbered_of(statement)
    try:
        connection = psycopg.connect(_parameters(url))
    except (psycopg.Error, ValueError):
        raise unreachable(statement) from None
    try:
        with connection:
            found = _answered(connection, numbered, statement)
            if statement.rule.read_only:
                connection.rollback()  # large objects were not read-only before PostgreSQL 16
            return found
    except (errors.QueryCanceled, errors.LockNotAvailable):
        raise too_slow(statement) from None
    except psycopg.Error as error:
        # What the server says; what the driver says of the connection might name its parameters.
        words = error.diag.message_primary
        if words is None and isinstance(error, psycopg.OperationalError):
            raise unreachable(statement) from None
        raise refused(words or str(error)) from None
    except (ArithmeticError, ValueError, RecursionError):
        raise refused("a value of the result cannot be read") from None


def _parameters(url: sa.URL) -> str:
    given = url.translate_connect_args(username="user", database="dbname")
    more = {key: value for key, value in url.query.items() if isinstance(value, str)}
    return make_conninfo("", **{**_ALIVE, **more, **given})


def _answered(
    connection: psycopg.Connection[Any], numbered: Numbered, statement: Statement
) -> Found:
    connection.read_only = statement.rule.read_only
    _prepare(connection, statement)
    if numbered.changes and statement.rule.read_only:
        raise refused("the connection is read-only (read_only)")
    if not numbered.changes:
        # A cursor of the server is one query, and its rows do not come before they are asked for.
        with psycopg.RawServerCursor(connection, "found") as cursor:
            cursor.execute(numbered.text, numbered.values)
            columns = _columns(cursor)
            return Found(columns, gathered(columns, _pieces(cursor, statement), statement), 0)
    with psycopg.RawCursor(connection) as writing:
        if not numbered.returns:
            # To prepare it is to send no more than one statement.
            writing.execute(numbered.text, numbered.values, prepare=True)
            return Found([], [], max(writing.rowcount, 0))
        # Row by row; a stream that is left open would hold the connection for ever.
        stream = cast("Generator[Any]", writing.stream(numbered.text, numbered.values))
        with closing(stream) as rows:
            first = next(rows, None)
            columns = _columns(writing)
            found = gathered(columns, _again(first, rows), statement)
        return Found(columns, found, len(found))


def _prepare(connection: psycopg.Connection[Any], statement: Statement) -> None:
    """Begin the transaction with a query: once there was one, it cannot be made one that writes any more."""
    milliseconds = str(max(1, int(statement.rule.statement_seconds * 1000)))
    row = connection.execute(_RIGHTS, (milliseconds, milliseconds)).fetchone()
    if row is None or row[2]:
        message = (
            f"the connection '{statement.rule.name}' is a superuser's, or of one who may use the server's"
            " files or programs: it needs a user of its own"
        )
        raise fail(Code.UNHANDLED_EXCEPTION, message)


def _columns(cursor: psycopg.Cursor[Any] | psycopg.ServerCursor[Any]) -> list[str]:
    return [each.name for each in cursor.description or ()]


def _pieces(cursor: psycopg.ServerCursor[Any], statement: Statement) -> Iterator[Any]:
    # The server's bound holds for each piece, and this one for all.
    until = monotonic() + statement.rule.statement_seconds
    while rows := cursor.fetchmany(_PIECE):
        yield from rows
        if monotonic() > until:
            raise too_slow(statement)


def _again(first: Any, rows: Iterator[Any]) -> Iterator[Any]:
    if first is not None:
        yield first
        yield from rows
