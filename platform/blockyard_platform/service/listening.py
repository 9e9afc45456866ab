"""The thread that listens to PostgreSQL's notifications, by one connection of the process, and connects again when it is lost."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
from typing import TYPE_CHECKING, Any, Protocol, cast

import psycopg
from sqlalchemy import exc

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

_LOG = logging.getLogger(__name__)
_FIRST_WAIT = 0.05
_LONGEST_WAIT = 5.0
_PROOF_SECONDS = 30.0


class Hearer(Protocol):
    """Whom notifications are for."""

    @property
    def closed(self) -> bool:
        """Whether no more are wanted."""
        ...

    def topics(self) -> set[str]:
        """Return which topics are wanted."""
        ...

    def fresh(self) -> set[str]:
        """Return which topics are wanted by somebody new."""
        ...

    def deliver(self, topic: str, key: str) -> None:
        """Take a signal."""
        ...


class Listener:
    """Listens to the topics that its hearer wants; sleeps until there is something."""

    def __init__(self, engine: Engine, hearer: Hearer, prefix: str) -> None:
        """Connect to nothing yet; ``prefix`` is what the names of channels begin with."""
        self._engine = engine
        self._hearer = hearer
        self._wait = _FIRST_WAIT
        self._prefix = prefix
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def wake(self) -> None:
        """Look at once whether the hearer is closed, and what it wants."""
        with contextlib.suppress(
            OSError
        ):  # It is full, or the thread has ended: nothing is missed.
            self._writer.send(b".")

    def run(self) -> None:
        """Listen until the hearer is closed."""
        with self._reader, self._writer:
            while not self._hearer.closed:
                self._listen_until_error()

    def _listen_until_error(self) -> None:
        try:
            self._listen()
        except (psycopg.Error, exc.SQLAlchemyError, OSError) as error:
            if not self._hearer.closed:
                _LOG.warning("the database does not notify, and is asked again: %s", error)
                self._sleep(None, self._wait)
                self._wait = min(2 * self._wait, _LONGEST_WAIT)

    def _listen(self) -> None:
        connection = self._connect()
        try:
            heard: set[str] = set()
            connection.add_notify_handler(lambda it: self._take(it.channel, it.payload))
            while not self._hearer.closed:
                fresh = self._hearer.fresh()
                for topic in sorted((self._hearer.topics() - heard) | fresh):
                    connection.execute(f"LISTEN {self._prefix}{topic}".encode())
                    heard.add(topic)
                    self._hearer.deliver(topic, "")
                self._wait = _FIRST_WAIT
                if self._sleep(connection, _PROOF_SECONDS):
                    self._receive(connection)
                else:
                    connection.execute(b"SELECT 1")
        finally:
            connection.close()

    def _connect(self) -> psycopg.Connection[Any]:
        """Return a connection as those of the engine are, which is not of its pool."""
        pooled = self._engine.raw_connection()
        connection: psycopg.Connection[Any] = cast("Any", pooled.driver_connection)
        pooled.detach()
        connection.rollback()
        connection.autocommit = True
        return connection

    def _receive(self, connection: psycopg.Connection[Any]) -> None:
        """Take what has come; raise when it is the connection's end."""
        connection.pgconn.consume_input()
        while (found := connection.pgconn.notifies()) is not None:
            self._take(found.relname.decode(), found.extra.decode())

    def _take(self, channel: str, key: str) -> None:
        self._hearer.deliver(channel.removeprefix(self._prefix), key)

    def _sleep(self, connection: psycopg.Connection[Any] | None, seconds: float) -> bool:
        """Wait until something comes from the server, or somebody wakes this thread; say whether anything did."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._reader, selectors.EVENT_READ)
            if connection is not None:
                selector.register(connection.fileno(), selectors.EVENT_READ)
            ready = selector.select(seconds)
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(4096)
        return bool(ready)
