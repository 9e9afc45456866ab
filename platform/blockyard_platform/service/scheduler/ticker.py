"""The thread that watches the clock. It sleeps until the next thing is due, or until it is told that something has changed.

What it does is safe to do in several threads and processes at once, so that every one of them may have a ticker. It wakes at
the latest after a while: another process may have made a schedule, and the clock may have been put forward, which no sleep notices.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING

from blockyard_platform.service.registry import schedules
from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.service.scheduler import deliveries, firing, groups, orders
from blockyard_platform.service.scheduler.submitting import Submitter

if TYPE_CHECKING:
    from collections.abc import Callable

    from blockyard_platform.service.registry.database import Database
    from blockyard_platform.service.scheduler.seam import Gate, RunCounts, Runs

LONGEST_SLEEP = 15.0
"""Seconds after which it looks whatever it knows."""
AFTER_ERROR = 5.0
"""Seconds after which it looks again when something has failed."""
SWEEP = 60.0
"""Seconds between two looks for what a process that died has left behind."""

_SERVICE = Caller.service()


@dataclass(frozen=True, slots=True)
class Ports:
    """What a ticker works with: the rest of the service."""

    runs: Runs
    counts: RunCounts
    gate: Gate


class Ticker:
    """Does what is due, in a thread of its own or when it is asked to. Close it at the end."""

    def __init__(
        self,
        database: Database,
        ports: Ports,
        on_error: Callable[[str, Exception], None] = lambda what, error: None,
    ) -> None:
        """Do nothing yet. ``on_error`` is told what has failed, by any thread; the rest goes on."""
        self._database = database
        self._ports = ports
        self._on_error = on_error
        self._submitter = Submitter(database, ports.runs, ports.counts, on_error)
        self._changed = Event()
        self._closed = Event()
        self._thread: Thread | None = None
        self._swept: float | None = None

    def start(self) -> None:
        """Begin to watch the clock."""
        self._thread = Thread(target=self._watch, name="blockyard-ticker", daemon=True)
        self._thread.start()

    def nudge(self) -> None:
        """Look at once: a schedule was changed, a run has ended. May be called by any thread."""
        self._changed.set()

    def close(self) -> None:
        """End, when what is being done is done."""
        self._closed.set()
        self._changed.set()
        if self._thread is not None:
            self._thread.join()

    def tick(self) -> float:
        """Do all that is due now, and return the seconds until the next look."""
        done = [
            self._tried("schedules that are new", lambda: firing.adopt(self._database)),
            self._tried("schedules that are due", lambda: firing.fire(self._database)),
            self._tried("runs to submit", self._submitter.submit),
            self._tried("what is left behind", self._sweep),
        ]
        waits = [LONGEST_SLEEP] if all(done) else [LONGEST_SLEEP, AFTER_ERROR]
        self._tried("when to look next", lambda: waits.append(self._wait()))
        return min(waits)

    def _watch(self) -> None:
        while not self._closed.is_set():
            # Cleared before the look: what changes during it is looked at again.
            self._changed.clear()
            wait = self.tick()
            if not self._closed.is_set():
                self._changed.wait(wait)

    def _tried(self, what: str, do: Callable[[], object]) -> bool:
        try:
            do()
        except Exception as error:  # noqa: BLE001  (it is told, and the rest is done)
            self._on_error(what, error)
            return False
        return True

    def _wait(self) -> float:
        with self._database.reading() as work:
            times = (schedules.earliest(work, _SERVICE), orders.earliest(work, _SERVICE))
            known = [time - work.now for time in times if time is not None]
        return max(0.0, min(known, default=LONGEST_SLEEP))

    def _sweep(self) -> None:
        """Let in runs of groups in which one has ended unseen, and forget requests that cannot come again; now and then."""
        with self._database.reading() as work:
            now = work.now
        if self._swept is not None and 0 <= now - self._swept < SWEEP:
            return
        self._swept = now
        groups.sweep(self._database, self._ports.counts, self._ports.gate)
        deliveries.forget(self._database)
