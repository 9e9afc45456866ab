"""How long it takes until what a worker had is at work elsewhere, or has ended: by the queue."""

import time
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from blockyard_platform.service.dispatch.tables import QUEUE

MOST_SECONDS = 30.0
_PATIENCE_SECONDS = 90.0
_LOOK_SECONDS = 0.2
_GAP_SECONDS = 2.0
"""What a look takes at most: when it takes longer, this process stood still, and the rest of that time does not count."""


@dataclass
class Takeovers:
    """Watches runs that lose their worker. ``seconds`` are what each of them has waited; ``kept`` counts those whose worker came back in time."""

    engine: sa.Engine
    seconds: list[float] = field(default_factory=list[float])
    late: list[str] = field(default_factory=list[str])
    kept: int = 0
    _threads: list[Thread] = field(default_factory=list[Thread])
    _lock: Lock = field(default_factory=Lock)

    def held(self, pid: int) -> dict[str, int]:
        """Return the runs that a process has at work, and for the how-manieth time each; none when the database is away."""
        rows = self._ask(QUEUE.c.state == "RUNNING", QUEUE.c.worker.contains(f"-{pid}-"))
        return {run: row.number for run, row in (rows or {}).items()}

    def watch(self, runs: dict[str, int], back: Event | None = None) -> None:
        """Begin to wait for these, from now on, or until their worker is ``back``."""
        if runs:
            thread = Thread(target=self._watch, args=(dict(runs), back or Event()))
            thread.start()
            self._threads.append(thread)

    def end(self) -> list[str]:
        """Wait for all, and return what took too long."""
        for thread in self._threads:
            thread.join()
        return self.late

    def words(self) -> str:
        """Return it for people."""
        kept = f"; {self.kept} kept by a worker that came back"
        if not self.seconds:
            return f"no run{kept}"
        ordered = sorted(self.seconds)
        middle, last = ordered[len(ordered) // 2], ordered[-1]
        return (
            f"{len(ordered)} runs, after {middle:.1f} s (median) and {last:.1f} s (longest){kept}"
        )

    def _watch(self, left: dict[str, int], back: Event) -> None:
        waited, before = 0.0, time.monotonic()
        states: dict[str, str] = {}
        while left and waited < _PATIENCE_SECONDS and not back.is_set():
            open_ones = QUEUE.c.state.in_(("RUNNING", "QUEUED", "DELAYED"))
            rows = self._ask(QUEUE.c.run.in_(left), open_ones)
            now = time.monotonic()
            waited, before = waited + min(now - before, _GAP_SECONDS), now
            for run, number in list(left.items() if rows is not None else ()):
                row = (rows or {}).get(run)
                if row is None or row.number != number:
                    self._note(run, waited, states.get(run, ""))
                    del left[run]
                elif waited > MOST_SECONDS / 2:
                    states.setdefault(run, f"{row.state} with {row.worker} at half of that")
            time.sleep(_LOOK_SECONDS)
        for run in left:
            if not back.is_set():
                self._note(run, waited, states.get(run, ""))
        with self._lock:
            self.kept += len(left) if back.is_set() else 0

    def _note(self, run: str, seconds: float, state: str) -> None:
        with self._lock:
            self.seconds.append(seconds)
            if seconds > MOST_SECONDS:
                self.late.append(f"{run} was at work elsewhere only after {seconds:.0f} s: {state}")

    def _ask(self, *conditions: sa.ColumnElement[bool]) -> dict[str, Any] | None:
        wanted = sa.select(QUEUE).where(*conditions)
        try:
            with self.engine.connect() as connection:
                return {row.run: row for row in connection.execute(wanted)}
        except exc.SQLAlchemyError:
            return None
