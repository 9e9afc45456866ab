"""The CPU seconds of containers: what is read, and what is counted for the time that no reading tells of."""

import threading
from typing import Any

import pytest

from blockyard_sandbox.containers.metering import Meter, lived_of


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Readings:
    """An engine: gives each reading at a moment of the clock, then waits to be let go, and fails."""

    def __init__(self, clock: Clock, *given: tuple[float, float]) -> None:
        self._clock = clock
        self._given = list(given)
        self.all_read = threading.Event()
        self.go_on = threading.Event()

    def __call__(self) -> float:
        if not self._given:
            self.all_read.set()
            self.go_on.wait(60)
            raise OSError("gone")
        moment, seconds = self._given.pop(0)
        self._clock.now = max(self._clock.now, moment)
        return seconds


def never() -> float:
    raise AssertionError("nothing is read of a container that has ended")


@pytest.mark.parametrize(
    ("lived", "expected"),
    [(None, 0.8), (0.1, 0.3), (-0.001, 0.1), (5.0, 0.8)],
)
def test_a_short_life_counts_in_full_and_is_never_read(
    lived: float | None, expected: float
) -> None:
    clock = Clock()
    meter = Meter(never, 2.0, period=60, clock=clock)
    meter.begin()
    clock.now += 0.4
    assert meter.end(lived) == pytest.approx(expected)
    clock.now += 100
    assert meter.end() == pytest.approx(expected)


def test_what_was_read_counts_and_the_time_since_in_full() -> None:
    clock = Clock()
    readings = Readings(clock, (101.0, 0.25), (102.0, 0.5), (103.0, 0.0))
    meter = Meter(readings, 2.0, period=0, clock=clock)
    meter.begin()
    assert readings.all_read.wait(60)
    clock.now = 110.0
    # Each reading is as old as its question: the one of 0.5 was asked for at 101, and 0 tells nothing.
    assert meter.end(0.001) == pytest.approx(0.5 + (110.0 - 101.0) * 2.0)
    readings.go_on.set()


def test_a_container_that_never_began_has_used_nothing() -> None:
    assert Meter(never, 2.0).end() == 0.0


@pytest.mark.parametrize(
    ("state", "lived"),
    [
        (
            {
                "StartedAt": "2026-01-31T23:59:59.900000001Z",
                "FinishedAt": "2026-02-01T00:00:01.150000009Z",
            },
            1.25,
        ),
        ({"StartedAt": "2026-01-31T10:00:00Z"}, None),
        ({"StartedAt": "now", "FinishedAt": "later"}, None),
        ({"StartedAt": "2026-01-31T10:00:00Z", "FinishedAt": "2026-01-31T10:00:00"}, None),
    ],
)
def test_a_life_is_read_from_the_engines_clock(state: dict[str, Any], lived: float | None) -> None:
    assert lived_of(state) == (None if lived is None else pytest.approx(lived))
