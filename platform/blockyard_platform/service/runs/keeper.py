"""The keeper: brings parked runs back at their moment, and puts right what processes that died have left. One thread a process."""

from __future__ import annotations

import logging
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

from blockyard_platform.service.runs import parking
from blockyard_platform.service.runs.sweeping import sweep
from blockyard_platform.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from blockyard_platform.service.registry.database import Database
    from blockyard_platform.service.runs.settling import Settler
    from blockyard_platform.service.signals import Signals

_LOG = logging.getLogger(__name__)
_SWEEP_SECONDS = 10.0
_LONGEST_SECONDS = 30.0
_STEP_SECONDS = 1.0


class Keeper:
    """Looks when the next moment comes, when a run was parked, and every few seconds for what was left."""

    def __init__(
        self, database: Database, settler: Settler, signals: Signals, nudge: Callable[[], None]
    ) -> None:
        """Start the thread. ``nudge`` is called when runs were queued."""
        self._database = database
        self._settler = settler
        self._nudge = nudge
        self._news = Event()
        self._closing = False
        self._swept = float("-inf")
        self._ahead = float("inf")
        self._end = signals.subscribe(parking.TOPIC, lambda _: self._news.set())
        self._thread = Thread(target=self._serve, name="keeper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closing = True
        self._news.set()
        self._end()
        self._thread.join()

    def _serve(self) -> None:
        while not self._closing:
            self._news.clear()
            if self._closing:  # by what was set before it was cleared
                return
            pause = _SWEEP_SECONDS
            try:
                pause = self._look()
            except StoreError as error:
                _LOG.warning("the keeper cannot use the database: %s", error)
            except Exception:  # noqa: BLE001  (without it parked runs would be lost)
                _LOG.exception("the keeper has failed, and goes on")
            self._news.wait(pause)

    def _look(self) -> float:
        """Do what is due, and return the seconds until there may be something again."""
        if monotonic() - self._swept >= _SWEEP_SECONDS:
            while sweep(self._database, self._settler):
                pass
            self._swept = monotonic()
        self._look_at_the_clock()
        with self._database.reading() as work:
            come = parking.due(work)
        for run_id in come:
            with self._database.writing() as work:
                parking.wake(work, run_id)
        if come:
            self._nudge()
        with self._database.reading() as work:
            due, now = parking.next_due(work), parking.clock(work)
        left = _LONGEST_SECONDS if due is None else max(due - now, 0.05)
        return min(left, _SWEEP_SECONDS)

    def _look_at_the_clock(self) -> None:
        """Bring back what would wait for too long, at the start and when the clock was put back."""
        with self._database.reading() as work:
            ahead = parking.clock(work) - monotonic()
        if ahead < self._ahead - _STEP_SECONDS:
            with self._database.writing() as work:
                count = parking.hurry(work)
            if count:
                _LOG.warning("the clock was put back: %d waits are looked at again", count)
        self._ahead = ahead
