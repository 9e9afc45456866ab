"""Statements in SQLite: opened read-only, with an authorizer that lets through what queries need and nothing else.

The driver is used as it is: SQLAlchemy's dialect would add a function that matches patterns in the platform's process.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from blockyard_platform.containers import fail
from blockyard_platform.host_blocks.databases.placeholders import check_begin
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
    from collections.abc import Callable

    import sqlalchemy as sa

_READS: Final = frozenset({20, 21, 31, 33})
"""Authorizer codes (sqlite3.h): SQLITE_READ, SQLITE_SELECT, SQLITE_FUNCTION, SQLITE_RECURSIVE."""

_WRITES: Final = frozenset({9, 18, 23})
"""SQLITE_DELETE, SQLITE_INSERT, SQLITE_UPDATE."""

_FUNCTION: Final = 31
_FORBIDDEN: Final = frozenset({"load_extension", "fts3_tokenizer", "regexp", "printf", "format"})
"""Functions that load code, match patterns, or (with a width of a thousand million) cannot be stopped by the clock."""

_STEPS: Final = 1_000
"""Steps of SQLite's machine between two looks at the clock."""

_SHORTEST: Final = 64 * 1024
"""The least bound on one value: shorter ones would hinder SQLite's own work."""


def answer(url: sa.URL, statement: Statement) -> Found:
    """Run a statement in a file that is there already. Raises StageFailureError."""
    check_begin(statement.text)
    until = monotonic() + statement.rule.statement_seconds
    with closing(_opened(url, statement)) as base:
        _bind(base, statement, until)
        try:
            cursor = base.execute(statement.text, statement.params)
            columns = [str(each[0]) for each in cursor.description or ()]
            rows = gathered(columns, cursor, statement)
            changed = max(cursor.rowcount, 0)
            base.commit()
        except sqlite3.Error as error:
            if monotonic() >= until:
                raise too_slow(statement) from None
            raise refused(str(error)) from None
        except sqlite3.Warning as error:  # more than one statement, before Python 3.12
            raise refused(str(error)) from None
        except (OverflowError, TypeError):
            message = "a value is no text, null, true, false or number of at most 64 bits"
            raise fail(Code.INVALID_ARGUMENT, message) from None
    return Found(columns, rows, changed)


def _opened(url: sa.URL, statement: Statement) -> sqlite3.Connection:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        message = f"the URL of the connection '{statement.rule.name}' names no file"
        raise fail(Code.UNHANDLED_EXCEPTION, message)
    mode = "ro" if statement.rule.read_only else "rw"
    try:
        return sqlite3.connect(
            f"file:{quote(url.database)}?mode={mode}",
            uri=True,
            timeout=statement.rule.statement_seconds,
        )
    except sqlite3.Error:
        raise unreachable(statement) from None


def _bind(base: sqlite3.Connection, statement: Statement, until: float) -> None:
    """Hold a connection to its rule; afterwards no statement can change that."""
    read_only = statement.rule.read_only
    try:
        base.execute(f"pragma query_only = {'on' if read_only else 'off'}")
        base.execute("pragma trusted_schema = off")
    except sqlite3.Error:
        raise unreachable(statement) from None
    base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(statement.most, _SHORTEST))
    base.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    base.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1_000)
    base.setlimit(sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0)
    base.set_authorizer(_authorizer(_READS if read_only else _READS | _WRITES))
    base.set_progress_handler(lambda: monotonic() >= until, _STEPS)


def _authorizer(allowed: frozenset[int]) -> Callable[..., int]:
    def judged(action: int, _: str | None, second: str | None, *__: Any) -> int:
        if action == _FUNCTION and (second or "").lower() in _FORBIDDEN:
            return sqlite3.SQLITE_DENY
        # The driver begins a transaction of its own before a change, and ends it.
        own = action == sqlite3.SQLITE_TRANSACTION and bool(allowed & _WRITES)
        return sqlite3.SQLITE_OK if own or action in allowed else sqlite3.SQLITE_DENY

    return judged
