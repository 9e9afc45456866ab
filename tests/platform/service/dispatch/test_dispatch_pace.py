"""Turns that follow one another wait for more, and nobody waits for them who has nothing to do."""

from threading import Event

import pytest

from blockyard_platform.service.dispatch.pace import Pace
from blockyard_platform.service.dispatch.port import State

from .conftest import Here, until


class Clock:
    """A clock that is set by hand."""

    at = 100.0

    def __call__(self) -> float:
        return self.at


def test_a_turn_waits_for_four_times_as_long_as_the_one_before_took() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.left() == 0
    pace.begin()
    clock.at += 0.004
    pace.end()
    assert pace.left() == pytest.approx(0.016)
    clock.at += 0.006
    assert pace.left() == pytest.approx(0.010)
    clock.at += 0.011
    assert pace.left() == 0
    pace.begin()
    clock.at += 7
    pace.end()
    assert pace.left() == pytest.approx(0.05)


async def test_a_turn_gathers_while_most_slots_are_at_work_and_no_longer(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pace is made endless: only that half of the slots are free lets a turn begin."""
    paced, gathering = Event(), Event()

    def left(_: Pace) -> float:
        if not paced.is_set():
            return 0.0
        gathering.set()
        return 3600.0

    monkeypatch.setattr(Pace, "left", left)
    dispatcher = await here.begin(slots=4)
    for number in range(4):
        dispatcher.submit(f"held-{number}", "t")
    await until(lambda: len(here.work.begun) == 4)
    paced.set()
    dispatcher.submit("next", "t")
    await until(gathering.is_set)  # a turn that began before would not wait
    for number in range(2):
        here.work.gate(f"held-{number}").set()
    await until(lambda: len(here.work.ended) == 2)
    assert "next" not in here.work.begun
    here.work.gate("held-2").set()
    await here.reach("next", State.ENDED)
    # It is closed at once all the same, and what is at work is handed over.
    dispatcher.stop(drain=False)
    assert here.work.lost == ["held-3"]
