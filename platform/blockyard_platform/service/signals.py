"""Signals: something has changed, look. They are given within a transaction, and delivered when that is committed.

In PostgreSQL they reach every process (LISTEN and NOTIFY); in SQLite this one alone. A signal can get lost when a connection does: whoever
goes by them still looks by himself now and then. What has changed is to be read from the tables; a signal only names it.
"""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from threading import Condition, Thread, current_thread
from typing import TYPE_CHECKING

import sqlalchemy as sa

from blockyard_platform.store.sqlite import CommittingConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sqlalchemy.engine import Connection, Engine

_LOG = logging.getLogger(__name__)
_PREFIX = "blockyard_"
_TOPIC = re.compile(r"[a-z]{1,30}")
_MOST_CHARACTERS = 200
_MOST_WAITING = 10_000
_CLOSE_SECONDS = 10.0
_NOTIFY = sa.text("SELECT pg_notify(:channel, :key)")
_NOTIFY_ALL = sa.text("SELECT pg_notify(:channel, key) FROM unnest(CAST(:keys AS text[])) AS key")


def notify(connection: Connection, topic: str, key: str = "") -> None:
    """Tell every process that listens to PostgreSQL at the transaction's commit; on SQLite do nothing. Raises ValueError."""
    _check(topic, key)
    if connection.dialect.name != "sqlite":
        connection.execute(_NOTIFY, {"channel": _PREFIX + topic, "key": key})


def _check(topic: str, key: str) -> None:
    if _TOPIC.fullmatch(topic) is None:
        raise ValueError("a topic has 1 to 30 letters from a to z")
    if len(key) > _MOST_CHARACTERS or not (key.isprintable() or not key):
        raise ValueError(f"a key has at most {_MOST_CHARACTERS} characters that can be printed")


class Signals:
    """A process's part in signals: one thread, which begins with the first subscription. Thread-safe.

    Callbacks are called in that thread, with the key, one after the other; they must return at once. The empty key says that anything may
    have changed: it comes when listening begins, and begins again after an error.
    """

    def __init__(self, engine: Engine) -> None:
        """Use a database that ``open_engine`` has opened; nothing happens before the first subscription."""
        self._engine = engine
        self._sqlite = engine.dialect.name == "sqlite"
        self._changed = Condition()
        self._callbacks: dict[str, list[Callable[[str], None]]] = {}
        self._waiting: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._fresh: set[str] = set()
        self._thread: Thread | None = None
        self._closed = False
        self._wake: Callable[[], None] = self._wake_own

    def publish(self, connection: Connection, topic: str, key: str = "") -> None:
        """Give a signal when the transaction of this connection is committed, and none if it is not. Raises ValueError."""
        notify(connection, topic, key)
        if self._sqlite:
            driver = connection.connection.driver_connection
            if not isinstance(driver, CommittingConnection):
                raise TypeError("signals need a connection of an engine from open_engine")
            if not connection.in_transaction():
                connection.exec_driver_sql("SELECT 1")  # Without any statement there is no commit.
            driver.after_commit(lambda: self._put(topic, key))

    def publish_all(self, connection: Connection, topic: str, keys: Collection[str]) -> None:
        """Give a signal with each of the keys, as :meth:`publish` does. Raises ValueError."""
        for key in keys:
            _check(topic, key)
        if not self._sqlite and len(keys) > 1:
            connection.execute(_NOTIFY_ALL, {"channel": _PREFIX + topic, "keys": list(keys)})
            return
        for key in keys:
            self.publish(connection, topic, key)

    def subscribe(self, topic: str, callback: Callable[[str], None]) -> Callable[[], None]:
        """Have this called with each key of a topic; return what ends that. Raises ValueError, or RuntimeError once closed."""
        _check(topic, "")
        with self._changed:
            if self._closed:
                raise RuntimeError("the signals are closed")
            # Lists are replaced, not changed: who delivers may hold one.
            self._callbacks[topic] = [*self._callbacks.get(topic, ()), callback]
            self._fresh.add(topic)
            if self._thread is None:
                self._thread = Thread(target=self._runner(), name="signals", daemon=True)
                self._thread.start()
        self._wake()
        if self._sqlite:
            self._put(topic, "")

        def end() -> None:
            with self._changed:
                left = [it for it in self._callbacks[topic] if it is not callback]
                self._callbacks[topic] = left

        return end

    def topics(self) -> set[str]:
        """Return which topics are subscribed to."""
        with self._changed:
            return {topic for topic, callbacks in self._callbacks.items() if callbacks}

    def fresh(self) -> set[str]:
        """Return which topics were subscribed to since this was asked before."""
        with self._changed:
            found, self._fresh = self._fresh, set()
            return found

    def deliver(self, topic: str, key: str) -> None:
        """Call those who subscribed; one that raises stops none of the others."""
        with self._changed:
            callbacks = self._callbacks.get(topic, [])
        for callback in callbacks:
            try:
                callback(key)
            except Exception:  # noqa: BLE001  (the others still want to know)
                _LOG.exception("a signal of %s could not be taken", topic)

    @property
    def closed(self) -> bool:
        """Whether no more signals are wanted."""
        return self._closed

    def close(self) -> None:
        """End; callbacks that are being called come to their end. May be called twice, and by a callback."""
        with self._changed:
            self._closed = True
            thread = self._thread
        self._wake()
        if thread is not None and thread is not current_thread():
            thread.join(_CLOSE_SECONDS)

    def _runner(self) -> Callable[[], None]:
        if self._sqlite:
            return self._serve
        from blockyard_platform.service.listening import Listener

        listener = Listener(self._engine, self, _PREFIX)
        self._wake = listener.wake
        return listener.run

    def _wake_own(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _put(self, topic: str, key: str) -> None:
        """Have a signal delivered; the same one is delivered once, and too many become one that says: anything."""
        with self._changed:
            if not self._callbacks.get(topic):
                return
            if len(self._waiting) >= _MOST_WAITING:
                self._waiting = OrderedDict.fromkeys((it, "") for it, _ in self._waiting)
                key = ""
            self._waiting[topic, key] = None
            self._changed.notify_all()

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waiting)
                if self._closed:
                    return
                (topic, key), _ = self._waiting.popitem(last=False)
            self.deliver(topic, key)
