"""The dispatcher: the port's methods over the tables, the desk and a worker."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from sqlalchemy import exc

from blockyard_platform.service.dispatch import looking, runs
from blockyard_platform.service.dispatch.desk import Desk
from blockyard_platform.service.dispatch.leases import Dead, take_over
from blockyard_platform.service.dispatch.port import DispatchError
from blockyard_platform.service.dispatch.tables import open_tables

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

_ID_LENGTH = 100
_NAME_LENGTH = 60
_MOST_PRIORITY = 1_000_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is there once the dispatcher has started; without slots there is no worker."""

    engine: Engine
    desk: Desk
    worker: Worker | None


class DbosDispatcher:
    """Dispatch over a SQLite file or a PostgreSQL database, for one process; see :class:`port.Dispatcher`."""

    def __init__(self, settings: Settings, callbacks: Callbacks) -> None:
        """Open nothing yet."""
        self._settings = settings
        self._callbacks = callbacks
        name = (settings.name or socket.gethostname())[:_NAME_LENGTH]
        self._executor_id = f"{name}-{os.getpid()}-{uuid4().hex[:8]}"
        self._parts: _Parts | None = None

    @property
    def executor_id(self) -> str:
        """The process's name among the workers."""
        return self._executor_id

    def start(self) -> None:
        """Make the tables, take part, and take up what dead workers left. Blocks for up to a few seconds.

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
            desk = Desk(engine, self._settings, self._executor_id)
            desk.open()
            return _Parts(engine, desk, None)
        from blockyard_platform.service.dispatch.worker import Worker

        worker = Worker(engine, self._settings, self._callbacks, self._executor_id)
        worker.open()
        return _Parts(engine, worker.desk, worker)

    async def submit(
        self, run_id: str, tenant: str, priority: int = 0, *, again: bool = False
    ) -> bool:
        """Accept a run for good; see :meth:`port.Dispatcher.submit`."""
        for text in (run_id, tenant):
            if not 0 < len(text) <= _ID_LENGTH or not text.isprintable():
                raise ValueError(f"an id has 1 to {_ID_LENGTH} characters that can be printed")
        if abs(priority) > _MOST_PRIORITY:
            raise ValueError(f"a priority lies between -{_MOST_PRIORITY} and {_MOST_PRIORITY}")
        submission = runs.Submission(run_id, tenant, priority, again)
        return await asyncio.wrap_future(self._started().desk.submit(submission))

    async def cancel(self, run_id: str) -> State | None:
        """Cancel a run; see :meth:`port.Dispatcher.cancel`."""
        state = await self._ask(lambda connection: runs.cancel(connection, run_id))
        self._started().desk.nudge()
        return state

    async def recover(self, executor_id: str) -> tuple[str, ...]:
        """Hand over what a worker holds, as if it were dead, and say which runs."""
        parts, dead = self._started(), Dead(executor_id, None)

        def recovered() -> tuple[str, ...]:
            if parts.worker is not None:
                return tuple(parts.worker.recover(dead, force=True) or ())
            return tuple(take_over(parts.engine, dead, force=True) or ())

        return await asyncio.to_thread(recovered)

    async def status(self, run_id: str) -> Entry | None:
        """Look at a run."""
        return await self._ask(lambda connection: looking.entry(connection, run_id))

    async def list(
        self,
        *,
        state: State | None = None,
        tenant: str | None = None,
        worker: str | None = None,
        limit: int = 100,
    ) -> tuple[Entry, ...]:
        """Look at runs, the earliest submitted first."""
        return await self._ask(
            lambda connection: looking.entries(connection, state, tenant, worker, limit)
        )

    async def why_waiting(self, run_id: str) -> Waiting | None:
        """Say why a run waits; None when it does not."""
        share = self._callbacks.share
        return await self._ask(lambda connection: looking.why_waiting(connection, run_id, share))

    async def purge(self, older_than_seconds: float, limit: int = 500) -> int:
        """Forget runs that ended so long ago; see :meth:`port.Dispatcher.purge`."""
        worker = self._started().worker

        def forget(connection: Connection) -> int:
            ended = looking.forget(connection, older_than_seconds, limit)
            if worker is not None:
                worker.forget(ended)
            return len(ended)

        return await self._ask(forget)

    async def stop(self, *, drain: bool = True, seconds: float | None = None) -> None:
        """Take nothing more; with ``drain`` wait for what is at work (at most ``seconds``), and hand over the rest."""
        parts = self._parts
        if parts is None:
            return

        def stopped() -> None:
            if parts.worker is None:
                parts.desk.close()
            else:
                parts.worker.close(drain=drain, seconds=seconds)
            parts.engine.dispose()

        await asyncio.to_thread(stopped)

    def _started(self) -> _Parts:
        if self._parts is None:
            raise DispatchError("the dispatcher is not started")
        return self._parts

    async def _ask(self, question: Callable[[Connection], T]) -> T:
        """Read, or change something small, in a thread and a transaction."""
        engine = self._started().engine

        def asked() -> T:
            try:
                with engine.begin() as connection:
                    return question(connection)
            except exc.SQLAlchemyError as error:
                raise DispatchError(f"the database does not answer: {error}") from error

        return await asyncio.to_thread(asked)
