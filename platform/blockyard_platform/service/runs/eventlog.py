"""The event log: what runs tell while they are under way, written by one thread in groups.

What comes within some milliseconds, and whatever comes while a group is on its way to the disk, shares a transaction; and what a run has told
just before its end is written with the end. The number of an event has the run's epoch before a count: who has lost a run tells nothing that a reader of its heir
could take for news.
"""

from __future__ import annotations

import logging
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from threading import Condition, Thread
from time import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc

from blockyard_platform.service.runs.tables import EVENTS
from blockyard_platform.store.lists import insert_into, insert_rows
from blockyard_platform.store.rows import dumped

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    import sqlalchemy as sa
    from sqlalchemy.engine import Engine

    from blockyard_platform.service.registry.database import Writing
    from blockyard_platform.service.signals import Signals

_LOG = logging.getLogger(__name__)
_AT_ONCE = 500
_PAUSE_SECONDS = 0.5
_GATHER_SECONDS = 0.05
"""How long the first event of a group waits for others: a short run's are then all there at its end."""
_MOST_WAITING = 100_000
_EPOCH_BITS = 24
_MOST_CHARACTERS = 16_384

TOPIC = "events"
"""What is signalled, with the id of the run, when events of it were written."""

ENDED = "ended"
"""What is signalled, with the id of the run, when it has ended and all that follows is done."""


@dataclass(slots=True)
class Voice:
    """What one run tells, under one epoch, up to a bound of bytes; then it is told that the rest is left out."""

    run_id: str
    epoch: int
    left: int
    count: int = 0

    def row(self, kind: str, path: str, data: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the row of an event; None for what is left out."""
        if self.left <= 0:
            return None
        text = _shortened(data)
        self.left -= len(text) + len(path) + 64
        if self.left <= 0:
            kind, path, text = "log-full", "", "{}"
        self.count += 1
        return {
            "run": self.run_id,
            "seq": (self.epoch << _EPOCH_BITS) + self.count,
            "at": time(),
            "kind": kind,
            "path": path,
            "data": text,
        }


def last_number(epoch: int) -> int:
    """Return the number of the event that tells of an end: it is no other's, also of one that is on its way to the disk just then."""
    return ((epoch + 1) << _EPOCH_BITS) - 1


class EventLog:
    """Takes events from any thread, and writes them from one of its own."""

    def __init__(self, engine: Engine, signals: Signals) -> None:
        """Start the thread."""
        self._engine = engine
        self._signals = signals
        self._changed = Condition()
        self._rows: deque[dict[str, Any]] = deque()
        self._writing: frozenset[str] = frozenset()
        self._hurried = 0
        self._closing = False
        self._thread = Thread(target=self._serve, name="event-log", daemon=True)
        self._thread.start()

    def tell(self, voice: Voice, kind: str, path: str, data: Mapping[str, Any]) -> None:
        """Take an event. When the database has not answered for so long that too many wait, it is left out."""
        row = voice.row(kind, path, data)
        if row is None:
            return
        with self._changed:
            if len(self._rows) < _MOST_WAITING:
                self._rows.append(row)
            if len(self._rows) in (1, _AT_ONCE):
                self._changed.notify_all()

    def flush(self, seconds: float = 5.0) -> bool:
        """Wait until all that was told is written; False when that takes too long."""
        with self._changed:
            self._hurried += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._rows and not self._writing, seconds)
            finally:
                self._hurried -= 1

    @contextmanager
    def taken(self, *run_ids: str, seconds: float = 5.0) -> Generator[list[dict[str, Any]]]:
        """Yield the rows of runs that are not written, for a transaction that writes them; what this ends with an error is kept."""
        wanted = frozenset(run_ids)
        with self._changed:
            self._changed.wait_for(lambda: wanted.isdisjoint(self._writing), seconds)
            found = [row for row in self._rows if row["run"] in wanted]
            if found:
                self._rows = deque(row for row in self._rows if row["run"] not in wanted)
                self._changed.notify_all()
        try:
            yield found
        except BaseException:
            with self._changed:
                self._rows.extendleft(reversed(found))
                self._changed.notify_all()
            raise

    def close(self) -> None:
        """Write what is left, and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._rows or self._closing)
                self._changed.wait_for(self._is_urgent, _GATHER_SECONDS)
                if not self._rows:
                    if self._closing:
                        return
                    continue
                group = [self._rows.popleft() for _ in range(min(len(self._rows), _AT_ONCE))]
                self._writing = frozenset(row["run"] for row in group)
            written = self._write(group)
            with self._changed:
                self._writing = frozenset()
                if not written and not self._closing:
                    self._rows.extendleft(reversed(group))
                    self._changed.wait_for(lambda: self._closing, _PAUSE_SECONDS)
                self._changed.notify_all()

    def _is_urgent(self) -> bool:
        """Whether a group is not to wait for more: somebody wants it now, there is enough, or nothing is left of it."""
        return bool(self._closing or self._hurried or not 0 < len(self._rows) < _AT_ONCE)

    def _write(self, group: list[dict[str, Any]]) -> bool:
        try:
            with self._engine.begin() as connection:
                insert_rows(connection, _insert(connection.dialect.name), group)
                self._signals.publish_all(connection, TOPIC, {row["run"] for row in group})
        except exc.SQLAlchemyError as error:
            _LOG.warning("events cannot be written: %s", getattr(error, "orig", None) or error)
            return False
        return True


def write(work: Writing, rows: Sequence[dict[str, Any]]) -> int:
    """Write rows in a transaction of somebody else's, who signals that they are there; return how many were not there before."""
    if not rows:
        return 0
    return insert_rows(work.connection, _insert(work.connection.dialect.name), rows)


@cache
def _insert(dialect: str) -> sa.Executable:
    found: sa.Executable = insert_into(dialect, EVENTS).on_conflict_do_nothing()
    return found


def _shortened(data: Mapping[str, Any]) -> str:
    """Return data as JSON in ASCII; a text that is too long for one event is cut."""
    if not data:
        return "{}"
    text = dumped(data)
    if len(text) <= _MOST_CHARACTERS:
        return text
    cut = {key: it[:4_000] for key, it in data.items() if isinstance(it, str)}
    return dumped(cut | {"cut": True})[: _MOST_CHARACTERS * 4]
