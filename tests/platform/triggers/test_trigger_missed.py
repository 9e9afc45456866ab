"""Fires that were missed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockyard_platform.triggers.cron import Cron
from blockyard_platform.triggers.missed import MISSED, Due, Fire, Missed, due

HOURLY = Cron.parse("0 * * * *")
DAY = datetime(2025, 5, 1, tzinfo=UTC)


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return DAY + timedelta(hours=hour, minutes=minute, seconds=second)


@pytest.mark.parametrize("missed", MISSED)
def test_on_time_a_fire_starts_whatever_the_policy(missed: Missed) -> None:
    for second in (0, 5, 60):
        found = due(HOURLY, missed, at(3), at(4, second=second))
        assert found == Due((Fire(at(4), missed=False),), at(4), dropped=False)


@pytest.mark.parametrize("missed", MISSED)
def test_nothing_is_due_between_fires_or_before_the_last(missed: Missed) -> None:
    for now in (at(4, 1), at(4), at(3), at(-200), at(4, 59, 59)):
        assert due(HOURLY, missed, at(4), now) == Due((), at(4), dropped=False)


def test_after_downtime() -> None:
    now = at(9, 30)
    assert due(HOURLY, "skip", at(4), now) == Due((), at(9), dropped=True)
    assert due(HOURLY, "once", at(4), now) == Due((Fire(at(9), missed=True),), at(9), dropped=True)
    every = tuple(Fire(at(hour), missed=True) for hour in (5, 6, 7, 8, 9))
    assert due(HOURLY, "all", at(4), now) == Due(every, at(9), dropped=False)
    assert due(HOURLY, "all", at(4), now, most=2) == Due(every[-2:], at(9), dropped=True)


def test_after_downtime_that_ends_with_a_fire() -> None:
    now, newest = at(9, second=10), Fire(at(9), missed=False)
    assert due(HOURLY, "skip", at(4), now) == Due((newest,), at(9), dropped=True)
    assert due(HOURLY, "once", at(4), now) == Due((newest,), at(9), dropped=True)
    assert due(HOURLY, "all", at(7), now) == Due(
        (Fire(at(8), missed=True), newest), at(9), dropped=False
    )


def test_one_second_more_than_the_grace_is_missed() -> None:
    grace = timedelta(minutes=5)
    assert due(HOURLY, "skip", at(3), at(4, 5), grace=grace).fires == (Fire(at(4), missed=False),)
    assert due(HOURLY, "skip", at(3), at(4, 5, 1), grace=grace) == Due((), at(4), dropped=True)


def test_years_of_minutes_are_bounded() -> None:
    found = due(Cron.parse("* * * * *"), "all", datetime(1990, 1, 1, tzinfo=UTC), at(0), most=3)
    assert [fire.nominal for fire in found.fires] == [at(-1, 58), at(-1, 59), at(0)]
    assert found.dropped


def test_in_the_night_of_a_change_one_run_is_missed_once() -> None:
    cron = Cron.parse("30 2 * * *", "Europe/Berlin")
    evening = datetime(2025, 10, 25, 20, tzinfo=UTC)
    found = due(cron, "all", evening, evening + timedelta(hours=12))
    assert [fire.nominal for fire in found.fires] == [datetime(2025, 10, 26, 0, 30, tzinfo=UTC)]


def test_a_bound_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one fire"):
        due(HOURLY, "all", at(1), at(2), most=0)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(MISSED), st.integers(0, 500), st.integers(0, 100_000), st.integers(0, 9_000))
def test_to_look_twice_starts_nothing_twice(
    missed: Missed, start: int, passed: int, more: int
) -> None:
    cron = Cron.parse("*/7 1-5 * * *", "Europe/Berlin")
    last = datetime(2025, 10, 25, tzinfo=UTC) + timedelta(minutes=start)
    now = last + timedelta(seconds=passed)
    first = due(cron, missed, last, now, most=30)
    second = due(cron, missed, first.last, now + timedelta(seconds=more), most=30)
    started = [fire.nominal for fire in (*first.fires, *second.fires)]
    assert started == sorted(set(started))
    assert all(last < time <= now + timedelta(seconds=more) for time in started)
    if not first.dropped and missed == "all":
        assert tuple(fire.nominal for fire in first.fires) == cron.between(last, now, 100)
