"""Keys and values of one tenant: a SQLite file of its own, so that tenants neither see nor hold up one another."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING, Any, Final

from blockyard_platform.containers import fail
from blockyard_platform.host_blocks.stores.places import granted, tenant_folder
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from blockyard_blocks import Context

MOST_BYTES: Final = 1024 * 1024
"""Bytes of one value as JSON."""

MOST_KEYS: Final = 1_000
"""Keys of one list."""

MISSING: Final = object()
"""Stands for the value of a key that is not there."""

_ROW: Final = 64
"""Bytes that a key takes beside its name and its value, as the quota counts."""

_BUSY_SECONDS: Final = 10.0
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/@-]{0,254}")
_PREFIX = re.compile(r"[A-Za-z0-9_.:/@-]{0,255}")
_TABLES: Final = """
create table if not exists entries (key text primary key, value text, size integer, expires real) without rowid;
create index if not exists entries_expires on entries (expires) where expires is not null;
create table if not exists total (one integer primary key check (one = 1), size integer);
insert or ignore into total values (1, 0);
pragma user_version = 1
"""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a tenant, within so many bytes; its methods block, and raise StageFailureError."""

    folder: Path
    quota: int

    @staticmethod
    def of(context: Context) -> Keys:
        """Return the keys of a run's tenant; the policy has to give it some."""
        quota = granted(context.policy.kv.quota_mib, "kv")
        return Keys(tenant_folder(context), quota)

    def get(self, key: str) -> Any:
        """Return a value, or MISSING."""
        _check(key)
        with self._opened() as base:
            return _value(base, key)

    def set(self, key: str, value: Any, seconds: float | None, expected: Any = None) -> bool:
        """Set a value, for some seconds or for good; with what is ``expected`` in a list, only when that is there."""
        _check(key)
        text = _text(value)
        size = len(key) + len(text.encode()) + _ROW
        if seconds is not None and not 0 < seconds < 1e10:
            raise fail(Code.INVALID_ARGUMENT, "ttl must be more than 0 seconds")
        with self._opened(writing=True) as base:
            if not _as_expected(base, key, expected):
                return False
            _remove(base, key)
            total: int = base.execute("select size from total").fetchone()[0]
            if total + size > self.quota:
                message = f"the tenant's keys would exceed {self.quota} bytes in all (kv.quota_mib)"
                raise fail(Code.FILE_SIZE_LIMIT, message)
            expires = None if seconds is None else time() + seconds
            base.execute("insert into entries values (?, ?, ?, ?)", (key, text, size, expires))
            base.execute("update total set size = size + ?", (size,))
        return True

    def delete(self, key: str, expected: Any = None) -> bool:
        """Delete a key, as set replaces it; return whether it was there, and as expected."""
        _check(key)
        with self._opened(writing=True) as base:
            return _as_expected(base, key, expected) and _remove(base, key)

    def names(self, prefix: str, after: str, most: int) -> list[str]:
        """Return keys that begin with a prefix, in the order of their bytes, from the one after another."""
        if not _PREFIX.fullmatch(prefix) or not _PREFIX.fullmatch(after):
            raise fail(Code.INVALID_ARGUMENT, "prefix and after hold what keys hold")
        if not 1 <= most <= MOST_KEYS:
            raise fail(Code.INVALID_ARGUMENT, f"limit must be from 1 to {MOST_KEYS}")
        with self._opened() as base:
            rows = base.execute(
                "select key from entries where key >= ? and key < ? and key > ?"
                " and (expires is null or expires > ?) order by key limit ?",
                # No character of a key stands behind a tilde.
                (prefix, prefix + "~", after, time(), most),
            )
            return [str(key) for (key,) in rows]

    @contextmanager
    def _opened(self, *, writing: bool = False) -> Generator[sqlite3.Connection]:
        """Open the file in a transaction; one that writes begins by locking, so that no two of them see the same total."""
        try:
            file = self.folder / "keys.db"
            with closing(
                sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None)
            ) as base:
                base.execute("pragma synchronous = full")
                base.execute("begin immediate" if writing else "begin")
                _make(base, writing=writing)
                if writing:
                    _sweep(base)
                yield base
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


def _value(base: sqlite3.Connection, key: str) -> Any:
    found = base.execute(
        "select value from entries where key = ? and (expires is null or expires > ?)",
        (key, time()),
    ).fetchone()
    return MISSING if found is None else json.loads(found[0])


def _as_expected(base: sqlite3.Connection, key: str, expected: Any) -> bool:
    """Tell whether a key has one of the values; 1, 1.0 and true are three."""
    if expected is None:
        return True
    found = _value(base, key)
    return any(
        each is found
        or (each is not MISSING and found is not MISSING and _same(each) == _same(found))
        for each in expected
    )


def _same(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _remove(base: sqlite3.Connection, key: str) -> bool:
    gone = base.execute("delete from entries where key = ? returning size", (key,)).fetchall()
    base.execute("update total set size = size - ?", (sum(size for (size,) in gone),))
    return bool(gone)


def _sweep(base: sqlite3.Connection) -> None:
    """Delete what has expired."""
    gone = base.execute("delete from entries where expires <= ? returning size", (time(),))
    base.execute("update total set size = size - ?", (sum(size for (size,) in gone.fetchall()),))


def _check(key: str) -> None:
    if not _KEY.fullmatch(key):
        message = f"{key[:60]!a} is no key; one has up to 255 letters, digits and _.:/@- in ASCII"
        raise fail(Code.INVALID_ARGUMENT, message)


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if len(text.encode()) > MOST_BYTES:
        raise fail(Code.FILE_SIZE_LIMIT, f"a value is at most {MOST_BYTES} bytes as JSON")
    return text
