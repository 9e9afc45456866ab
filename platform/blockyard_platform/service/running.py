"""The part of the service that runs things: signals, runs, the worker of this process when it has one, and the keeper."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from blockyard_platform.service.dispatch.dispatcher import DbosDispatcher
from blockyard_platform.service.dispatch.port import Callbacks
from blockyard_platform.service.dispatch.port import Settings as DispatchSettings
from blockyard_platform.service.operations.purger import Purger
from blockyard_platform.service.operations.purging import Aged
from blockyard_platform.service.operations.retention import Retention
from blockyard_platform.service.runs.keeper import Keeper
from blockyard_platform.service.runs.runs import Runs
from blockyard_platform.service.runs.settling import Settler
from blockyard_platform.service.runs.watching import Watching
from blockyard_platform.service.scheduler.endings import Follower
from blockyard_platform.service.scheduler.holding import Holding
from blockyard_platform.service.scheduler.rows import QueueGate
from blockyard_platform.service.scheduler.tables import OUTGOING
from blockyard_platform.service.signals import Signals
from blockyard_platform.service.worker.ground import Ground
from blockyard_platform.service.worker.shares import Shares
from blockyard_platform.service.worker.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from blockyard_platform.service.admitting import Admitting
    from blockyard_platform.service.dispatch.port import Dispatcher
    from blockyard_platform.service.operations.observing import Observing
    from blockyard_platform.service.registry.database import Database
    from blockyard_platform.service.settings import Settings

KEPT_SECONDS = 3_600.0
"""How long what DBOS has of a run is left after its end, for who looks into a database by hand."""

DELIVERIES = (Aged(OUTGOING, "made", OUTGOING.c.due.is_(None)),)
"""What is kept of webhooks that were sent: the dead ones, which somebody may want to send again."""


@dataclass(frozen=True, slots=True)
class Running:
    """What the others need of it."""

    runs: Runs
    dispatcher: Dispatcher
    watching: Watching
    signals: Signals


@contextmanager
def running(
    settings: Settings,
    database: Database,
    admitting: Admitting,
    observing: Observing,
) -> Generator[Running]:
    """Begin, and end in order: no run is taken any more, those under way end or are handed over. Raises StoreError, DispatchError."""
    with ExitStack() as stack:
        signals = Signals(database.engine)
        stack.callback(signals.close)
        gate = QueueGate(signals)
        settler = Settler(signals, [observing.ended, Follower(gate, signals)])
        shares = Shares(admitting)
        if settings.worker:
            dispatcher = _work(
                stack,
                settings,
                Ground(
                    database,
                    admitting,
                    settler,
                    signals,
                    shares,
                    observing,
                    settings.tenants_folder,
                ),
            )
        else:
            dispatcher = _look_on(stack, settings, shares)
        watching = Watching(signals)
        stack.callback(watching.close)
        keeper = Keeper(database, settler, signals, dispatcher.nudge)
        stack.callback(keeper.close)
        submitted = observing.metrics.run_submitted
        nudge = dispatcher.nudge
        runs = Runs(database, admitting, settler, signals, nudge, Holding, submitted)
        purger = Purger(
            Retention(database, deliveries=DELIVERIES), partial(dispatcher.tidy, KEPT_SECONDS)
        )
        stack.callback(purger.close)
        yield Running(runs, dispatcher, watching, signals)


def _work(stack: ExitStack, settings: Settings, ground: Ground) -> Dispatcher:
    worker = Worker(ground, _dispatch(settings, settings.slots))
    stack.callback(worker.stop, seconds=settings.drain_seconds)
    worker.start()
    return worker.dispatcher


def _look_on(stack: ExitStack, settings: Settings, shares: Shares) -> Dispatcher:
    """Take part without executing anything."""

    def never(*_: object) -> None:
        raise AssertionError("a process without slots is given no run")

    callbacks = Callbacks(never, never, _never_any, never, shares.share)
    dispatcher = DbosDispatcher(_dispatch(settings, 0), callbacks)
    stack.callback(dispatcher.stop)
    dispatcher.start()
    return dispatcher


def _never_any(runs: Sequence[str]) -> None:
    raise AssertionError(f"a process without slots had {len(runs)} runs")


def _dispatch(settings: Settings, slots: int) -> DispatchSettings:
    return DispatchSettings(
        place=settings.place,
        slots=slots,
        lease_seconds=settings.lease_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
    )
