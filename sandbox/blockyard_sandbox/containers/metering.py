"""The CPU seconds of one container: read while it runs, and counted as all that it may have for the time that no reading tells of.

An engine tells nothing of a container that has ended, so the last reading lies a moment before the end. A container that ends before
the first reading costs no request, and counts as busy for all of its short life.
"""

from __future__ import annotations

import threading
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PERIOD = 1.0
"""Seconds between two readings."""

_NANOSECONDS = 1e9
_LATE = 0.05
"""Seconds by which an engine may note a start too late: it has been seen to note it after the end."""


class Meter:
    """Counts from ``begin`` to ``end``; ``read`` returns the CPU seconds so far, or raises, and ``cpus`` is what the container may use at once."""

    def __init__(
        self,
        read: Callable[[], float],
        cpus: float,
        *,
        period: float = PERIOD,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Read nothing yet."""
        self._read = read
        self._cpus = cpus
        self._period = period
        self._clock = clock
        self._ended = threading.Event()
        self._begun: float | None = None
        self._last = (0.0, 0.0)
        self._total = 0.0

    def begin(self) -> None:
        """Count from now, just before the container is started."""
        self._begun = self._clock()
        self._last = (0.0, self._begun)
        threading.Thread(target=self._follow, name="blockyard-meter", daemon=True).start()

    def end(self, lived: float | None = None) -> float:
        """Return the CPU seconds; ``lived`` is how long the engine says that the container ran. Later calls return the same."""
        if self._begun is not None and not self._ended.is_set():
            self._ended.set()
            now, (seconds, at) = self._clock(), self._last
            unknown = now - at
            if lived is not None and at == self._begun:
                unknown = min(unknown, max(0.0, lived) + _LATE)
            self._total = seconds + unknown * self._cpus
        return self._total

    def _follow(self) -> None:
        while not self._ended.wait(self._period):
            asked = self._clock()
            try:
                seconds = self._read()
            except Exception:  # noqa: BLE001  (whatever the engine said, the time since the last reading counts in full)
                return
            if seconds > self._last[0]:
                self._last = (seconds, asked)


def read_seconds(connect: Callable[[], Any], name: str) -> float:
    """Ask an engine for the CPU seconds of a container that runs; raise what the SDK raises when it does not tell."""
    client = connect()
    try:
        told: dict[str, Any] = client.stats(name, stream=False, one_shot=True)
        return int(told["cpu_stats"]["cpu_usage"]["total_usage"]) / _NANOSECONDS
    finally:
        client.close()


def lived_of(state: dict[str, Any]) -> float | None:
    """Return how long a container ran, by the engine's clock; ``None`` when it does not say."""
    try:
        begun, ended = (datetime.fromisoformat(state[it]) for it in ("StartedAt", "FinishedAt"))
        return (ended - begun).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None
