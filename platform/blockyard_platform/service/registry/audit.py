"""The audit log: rows that are only ever added, each of which holds the hash of the one before.

A row's ``hash`` is the SHA-256 of the previous row's hash, in hexadecimal, followed by the row's own canonical JSON (its keys but for
``previous`` and ``hash``, sorted, without spaces, in ASCII). So whoever holds a later hash can tell that nothing before it was changed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.registry.names import canonical
from blockyard_platform.service.registry.tables import AUDIT, AUDIT_HEAD
from blockyard_platform.store.errors import StoreError
from blockyard_schemas.plain import is_mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

_BODY = ("seq", "at", "who", "tenant", "action", "object", "details")
_KEYS: frozenset[str] = frozenset((*_BODY, "previous", "hash"))


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a log: how many rows it has, and the hash of the last one. Kept elsewhere, it tells when the end is cut off."""

    seq: int
    hash: str


BEGINNING = Head(0, "0" * 64)
"""What the first row holds as the one before it."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was done: by whom, to whose what. ``details`` are plain data, and never a secret."""

    who: str
    tenant: str | None
    action: str
    object: str
    details: Mapping[str, Any]


def append(connection: Connection, notes: Sequence[Note], now: float) -> Head:
    """Add rows in the caller's transaction, which is the only one that does so until it ends. Returns the new end.

    On PostgreSQL the head's row is locked; on SQLite the transaction has the whole database (BEGIN IMMEDIATE).
    """
    head = read_head(connection, lock=True)
    at = stamp(now)
    rows: list[dict[str, Any]] = []
    for note in notes:
        body = {
            "seq": head.seq + 1,
            "at": at,
            "who": note.who,
            "tenant": note.tenant,
            "action": note.action,
            "object": note.object,
            "details": dict(note.details),
        }
        link = {"previous": head.hash, "hash": hash_of(head.hash, body)}
        rows.append(body | link | {"details": canonical(body["details"])})
        head = Head(head.seq + 1, link["hash"])
    connection.execute(sa.insert(AUDIT), rows)
    changed = sa.update(AUDIT_HEAD).where(AUDIT_HEAD.c.id == 1)
    connection.execute(changed.values(seq=head.seq, hash=head.hash))
    return head


def read_head(connection: Connection, *, lock: bool = False) -> Head:
    """Return the end of the log; with ``lock`` nobody else can add to it before the transaction ends."""
    wanted = sa.select(AUDIT_HEAD.c.seq, AUDIT_HEAD.c.hash).where(AUDIT_HEAD.c.id == 1)
    row: Any = connection.execute(wanted.with_for_update() if lock else wanted).first()
    if row is None:
        raise StoreError("the audit log has lost its end", "restore the database from a copy")
    return Head(row.seq, row.hash)


def revision() -> sa.ColumnElement[str | None]:
    """Return the column ``revision`` for a SELECT: another one after each change that is noted, and seen with it, never before or after."""
    head = sa.select(AUDIT_HEAD.c.hash).where(AUDIT_HEAD.c.id == 1)
    return head.scalar_subquery().label("revision")


def stamp(now: float) -> str:
    """Return a time as the log has it: UTC, with microseconds, always 27 characters."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def hash_of(previous: str, row: Mapping[str, Any]) -> str:
    """Return the hash that a row has after that of the one before."""
    body = canonical({key: row[key] for key in _BODY})
    return hashlib.sha256((previous + body).encode("ascii")).hexdigest()


def as_line(row: Mapping[str, Any]) -> str:
    """Return a row as a line of the exported log, without its end."""
    return json.dumps(dict(row), sort_keys=True, separators=(",", ":"))


def read_lines(lines: Iterable[str]) -> Iterator[Mapping[str, Any] | None]:
    """Yield the rows of an exported log, and None for a line that is no row."""
    for line in lines:
        try:
            row = json.loads(line, object_pairs_hook=_without_doubles)
        except (ValueError, RecursionError):
            row = None
        yield row if is_mapping(row) and frozenset(row) == _KEYS else None


def verify(
    rows: Iterable[Mapping[str, Any] | None],
    head: Head | None = None,
    base: Head = BEGINNING,
) -> int | None:
    """Return the index of the first row that is not what was written, or None when all are.

    Without ``head``, as it was noted elsewhere, rows that were cut off at the end cannot be told; with it the index is then the number of rows.
    ``base`` is the end of an earlier part, when these rows come after one.
    """
    last, count = base, 0
    for row in rows:
        if row is None or not _follows(row, last):
            return count
        last = Head(last.seq + 1, row["hash"])
        if head is not None and last.seq == head.seq and last.hash != head.hash:
            return count
        count += 1
    return count if head is not None and last.seq < head.seq else None


def _follows(row: Mapping[str, Any], last: Head) -> bool:
    if frozenset(row) != _KEYS or type(row["seq"]) is not int:
        return False
    if row["seq"] != last.seq + 1 or row["previous"] != last.hash:
        return False
    try:
        return bool(row["hash"] == hash_of(last.hash, row))
    except StoreError:
        return False


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice: one reader would see the first value, and another the last."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found
