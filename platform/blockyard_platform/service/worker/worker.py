"""A worker from its start to its end: the loop of its runs, the jail, its part in dispatch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blockyard_platform.service.dispatch.dispatcher import DbosDispatcher
from blockyard_platform.service.dispatch.port import Callbacks, Settings
from blockyard_platform.service.runs.eventlog import EventLog
from blockyard_platform.service.runs.parking import ANSWERED
from blockyard_platform.service.worker import key_rows
from blockyard_platform.service.worker.executor import Executor
from blockyard_platform.service.worker.houses import Houses
from blockyard_platform.service.worker.loop import Loop
from blockyard_platform.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from blockyard_platform.service.dispatch.port import Dispatcher
    from blockyard_platform.service.worker.ground import Ground


class Worker:
    """Executes runs, until it is stopped."""

    def __init__(self, ground: Ground, settings: Settings) -> None:
        """Start nothing yet."""
        self._ground = ground
        self._settings = settings
        self._loop: Loop | None = None
        self._store: Store | None = None
        self._houses: Houses | None = None
        self._events: EventLog | None = None
        self._dispatcher: DbosDispatcher | None = None
        self._deaf: Callable[[], None] | None = None

    @property
    def dispatcher(self) -> Dispatcher:
        """The worker's part in dispatch, once it has started."""
        if self._dispatcher is None:
            raise RuntimeError("the worker is not started")
        return self._dispatcher

    def start(self) -> None:
        """Begin: when this returns, runs are taken. Raises StoreError, DispatchError."""
        ground = self._ground
        store = self._store = Store(ground.database.engine, together=True)
        loop = self._loop = Loop("runs")
        shared = key_rows.shared(ground.database)
        houses = self._houses = Houses(ground.admitting, store.files(), ground.data, shared)
        events = self._events = EventLog(ground.database.engine, ground.signals)
        executor = Executor(ground, store, houses, events, loop)
        self._deaf = ground.signals.subscribe(ANSWERED, executor.hear)
        callbacks = Callbacks(
            execute=executor.execute,
            on_cancel=executor.cancel,
            on_lost=executor.lose,
            on_failed=executor.fail,
            share=ground.shares.share,
        )
        loop.call(houses.warm)
        self._dispatcher = DbosDispatcher(self._settings, callbacks, ground.signals)
        self._dispatcher.start()

    def stop(self, *, drain: bool = True, seconds: float | None = None) -> None:
        """Take nothing more, wait for what runs (at most ``seconds``), hand over the rest, and close all that was opened here."""
        if self._deaf is not None:
            self._deaf()
        if self._dispatcher is not None:
            self._dispatcher.stop(drain=drain, seconds=seconds)
        if self._events is not None:
            self._events.close()
        if self._loop is not None:
            if self._houses is not None:
                self._loop.wait(self._houses.close())
            self._loop.close()
        if self._store is not None:
            self._store.close()
