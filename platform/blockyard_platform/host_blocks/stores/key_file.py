"""A tenant's keys in a SQLite file of its own, so that tenants neither see nor hold up one another."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

from blockyard_platform.containers import fail
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_BUSY_SECONDS: Final = 60.0
_TABLES: Final = """
create table if not exists entries (key text primary key, value text, size integer, expires real) without rowid;
create index if not exists entries_expires on entries (expires) where expires is not null;
create table if not exists total (one integer primary key check (one = 1), size integer);
insert or ignore into total values (1, 0);
pragma user_version = 1
"""


class KeyFile:
    """The shelf of a file in one transaction."""

    def __init__(self, base: sqlite3.Connection) -> None:
        """Look and change by this connection."""
        self._base = base

    def read(self, key: str, now: float) -> str | None:
        """Return the text of a value."""
        found = self._base.execute(
            "select value from entries where key = ? and (expires is null or expires > ?)",
            (key, now),
        ).fetchone()
        return None if found is None else str(found[0])

    def remove(self, key: str) -> bool:
        """Take a key away; return whether it was there."""
        return self._take("delete from entries where key = ? returning size", key)

    def size(self) -> int:
        """Return the bytes of all keys."""
        return int(self._base.execute("select size from total").fetchone()[0])

    def add(self, key: str, text: str, size: int, expires: float | None) -> None:
        """Add a key that is not there."""
        self._base.execute("insert into entries values (?, ?, ?, ?)", (key, text, size, expires))
        self._base.execute("update total set size = size + ?", (size,))

    def sweep(self, now: float) -> None:
        """Take away what has expired."""
        self._take("delete from entries where expires <= ? returning size", now)

    def names(self, prefix: str, after: str, most: int, now: float) -> list[str]:
        """Return keys that begin with a prefix, in the order of their bytes, from the one after another."""
        rows = self._base.execute(
            "select key from entries where key >= ? and key < ? and key > ?"
            " and (expires is null or expires > ?) order by key limit ?",
            # No character of a key stands behind a tilde.
            (prefix, prefix + "~", after, now, most),
        )
        return [str(key) for (key,) in rows]

    def _take(self, statement: str, given: str | float) -> bool:
        gone = self._base.execute(statement, (given,)).fetchall()
        if gone:
            total = sum(size for (size,) in gone)
            self._base.execute("update total set size = size - ?", (total,))
        return bool(gone)


@contextmanager
def opened(folder: Path, writing: bool) -> Generator[KeyFile]:
    """Open the file in a transaction; one that writes begins by locking, so that no two of them see the same total.

    Raises StageFailureError.
    """
    try:
        file = folder / "keys.db"
        with closing(sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None)) as base:
            base.execute("pragma synchronous = full")
            base.execute("begin immediate" if writing else "begin")
            _make(base, writing=writing)
            yield KeyFile(base)
            base.execute("commit")  # what raised has closed the file, and so undone all
    except (sqlite3.Error, OSError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        message = f"the tenant's keys cannot be used: {words}"
        raise fail(Code.UNHANDLED_EXCEPTION, message) from None


def _make(base: sqlite3.Connection, *, writing: bool) -> None:
    if base.execute("pragma user_version").fetchone()[0] == 1:
        return
    if not writing:
        base.execute("rollback")
        base.execute("begin immediate")
    for statement in _TABLES.split(";"):
        base.execute(statement)
