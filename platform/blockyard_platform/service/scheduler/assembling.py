"""The scheduler of a process, put together from its parts: its two threads, and what takes webhooks in."""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blockyard_platform.service.scheduler.hooks import HookDesk
from blockyard_platform.service.scheduler.rows import QueueGate, RunRows, RunWaiter, Secrets
from blockyard_platform.service.scheduler.sender import Sender
from blockyard_platform.service.scheduler.tables import TOPIC
from blockyard_platform.service.scheduler.ticker import Ports, Ticker

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from blockyard_platform.service.registry.database import Database
    from blockyard_platform.service.registry.sealed import Sealing
    from blockyard_platform.service.runs.watching import Watching
    from blockyard_platform.service.scheduler.seam import Runs
    from blockyard_platform.service.signals import Signals

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scheduling:
    """What the API needs of it."""

    ticker: Ticker
    sender: Sender
    desk: HookDesk


@dataclass(frozen=True, slots=True)
class Around:
    """What it works with. ``nudge`` has this process look whether runs can begin."""

    database: Database
    runs: Runs
    signals: Signals
    watching: Watching
    unseal: Sealing
    nudge: Callable[[], None]


@contextmanager
def scheduling(around: Around) -> Generator[Scheduling]:
    """Begin to watch the clock and to send, and end both at the end. Every process may do so."""
    reveal = Secrets(around.database, around.unseal)
    ports = Ports(around.runs, RunRows(), QueueGate(around.signals))
    ticker = Ticker(around.database, ports, _failed)
    sender = Sender(around.database, reveal, on_error=_failed)
    waiter = RunWaiter(around.database, around.watching)
    with ExitStack() as stack:
        stack.callback(ticker.close)
        stack.callback(sender.close)

        def news(_: str) -> None:
            around.nudge()
            ticker.nudge()
            sender.nudge()

        stack.callback(around.signals.subscribe(TOPIC, news))
        ticker.start()
        sender.start()
        desk = HookDesk(around.database, around.runs, reveal, waiter)
        yield Scheduling(ticker, sender, desk)


def _failed(what: str, error: Exception) -> None:
    _LOG.warning("the scheduler has failed with %s: %s: %s", what, type(error).__name__, error)
