"""The dispatcher: the port's methods over the tables, and a worker."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from sqlalchemy import exc

from blockyard_platform.service.dispatch import looking, runs, tables
from blockyard_platform.service.dispatch.leases import Dead, take_over
from blockyard_platform.service.dispatch.port import DispatchError
from blockyard_platform.service.dispatch.tables import open_tables, writing
from blockyard_platform.service.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection, Engine

    from blockyard_platform.service.dispatch.port import (
        Callbacks,
        Entry,
        Settings,
        State,
        Waiting,
    )
    from blockyard_platform.service.dispatch.worker import Worker

_NAME_LENGTH = 60

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is there once the dispatcher has started; without slots there is no worker, and no signals of its own when some were given."""

    engine: Engine
    worker: Worker | None
    signals: Signals | None


class DbosDispatcher:
    """Dispatch over a SQLite file or a PostgreSQL database, for one process; see :class:`port.Dispatcher`. Thread-safe."""

    def __init__(
        self, settings: Settings, callbacks: Callbacks, signals: Signals | None = None
    ) -> None:
        """Open nothing yet. ``signals`` of the process, when it has some, spare a connection; they are not closed."""
        self._settings = settings
        self._callbacks = callbacks
        self._signals = signals
        name = (settings.name or socket.gethostname())[:_NAME_LENGTH]
        self._executor_id = f"{name}-{os.getpid()}-{uuid4().hex[:8]}"
        self._parts: _Parts | None = None
        self._stopped = False

    @property
    def executor_id(self) -> str:
        """The process's name among the workers."""
        return self._executor_id

    def start(self) -> None:
        """Migrate the database, take part, and take up what dead workers left. Blocks for up to a few seconds.

        Raises StoreError when the database cannot be used, DispatchError when the process has a worker already.
        """
        if self._parts is not None:
            raise DispatchError("the dispatcher has been started before")
        engine = open_tables(self._settings.place)
        try:
            self._parts = self._open(engine)
        except BaseException:
            engine.dispose()
            raise

    def _open(self, engine: Engine) -> _Parts:
        if not self._settings.slots:
            return _Parts(engine, None, None)
        from blockyard_platform.service.dispatch.worker import Worker

        if engine.dialect.name == "sqlite":
            own = given = (
                None  # Signals do not leave the process there, and in it there is `nudge`.
            )
        else:
            own = Signals(engine) if self._signals is None else None
            given = self._signals or own
        worker = Worker(engine, self._settings, self._callbacks, self._executor_id, given)
        worker.open()
        return _Parts(engine, worker, own)

    def submit(self, run_id: str, tenant: str, priority: int = 0, *, again: bool = False) -> bool:
        """Accept a run for good; see :meth:`port.Dispatcher.submit`."""
        submission = runs.Submission(run_id, tenant, priority, again)
        added = self._ask(lambda connection: runs.add(connection, [submission]), write=True)
        self.nudge()
        return run_id in added

    def nudge(self) -> None:
        """Look at once; see :meth:`port.Dispatcher.nudge`."""
        worker = self._started().worker
        if worker is not None:
            worker.desk.nudge()

    def cancel(self, run_id: str) -> State | None:
        """Cancel a run; see :meth:`port.Dispatcher.cancel`."""
        state = self._ask(lambda connection: runs.cancel(connection, run_id), write=True)
        self.nudge()
        return state

    def recover(self, executor_id: str) -> tuple[str, ...]:
        """Hand over what a worker holds, as if it were dead, and say which runs."""
        parts, dead = self._started(), Dead(executor_id, None)
        try:
            if parts.worker is not None:
                return tuple(parts.worker.recover(dead, force=True) or ())
            return tuple(take_over(parts.engine, dead, force=True) or ())
        except exc.SQLAlchemyError as error:
            raise _silent(error) from error

    def status(self, run_id: str) -> Entry | None:
        """Look at a run."""
        return self._ask(lambda connection: looking.entry(connection, run_id))

    def list(
        self,
        *,
        state: State | None = None,
        tenant: str | None = None,
        worker: str | None = None,
        limit: int = 100,
    ) -> tuple[Entry, ...]:
        """Look at runs, the earliest submitted first."""
        return self._ask(
            lambda connection: looking.entries(connection, state, tenant, worker, limit)
        )

    def seen(self) -> float | None:
        """Return how many seconds ago any worker was heard of last; None when there is none."""
        return self._ask(looking.seen)

    def why_waiting(self, run_id: str) -> Waiting | None:
        """Say why a run waits; None when it does not."""
        share = self._callbacks.share
        return self._ask(lambda connection: looking.why_waiting(connection, run_id, share))

    def tidy(self, older_than_seconds: float, limit: int = 500) -> int:
        """Forget what DBOS has of runs that ended so long ago; see :meth:`port.Dispatcher.tidy`."""
        worker = self._started().worker
        return 0 if worker is None else worker.tidy(older_than_seconds, limit)

    def stop(self, *, drain: bool = True, seconds: float | None = None) -> None:
        """Take nothing more; with ``drain`` wait for what is at work (at most ``seconds``), and hand over the rest."""
        parts = self._parts
        if parts is None or self._stopped:
            return
        self._stopped = True
        if parts.worker is not None:
            parts.worker.close(drain=drain, seconds=seconds)
        if parts.signals is not None:
            parts.signals.close()
        parts.engine.dispose()

    def _started(self) -> _Parts:
        if self._parts is None or self._stopped:
            raise DispatchError(
                f"the dispatcher {'has stopped' if self._parts else 'is not started'}"
            )
        return self._parts

    def _ask(self, question: Callable[[Connection], T], *, write: bool = False) -> T:
        """Read, or change something small, in a transaction."""
        engine = self._started().engine
        try:
            with writing(engine) if write else tables.looking(engine) as connection:
                return question(connection)
        except exc.SQLAlchemyError as error:
            raise _silent(error) from error


def _silent(error: exc.SQLAlchemyError) -> DispatchError:
    return DispatchError(f"the database does not answer: {error}")
