"""Cron expressions in time zones, around real changes of clocks."""

import contextlib
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from blockyard_platform.triggers.cron import MOST_FIRES, Cron, CronError
from blockyard_platform.triggers.zones import zone_of

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
LORD_HOWE, KATHMANDU = "Australia/Lord_Howe", "Asia/Kathmandu"


def local(cron: Cron, start: str, number: int) -> list[str]:
    """Return the next fires as clocks of the zone show them, with their offset."""
    at, found = datetime.fromisoformat(start), list[str]()
    for _ in range(number):
        at = cron.next(at)
        assert at.tzinfo is UTC
        found.append(at.astimezone(cron.zone).isoformat(timespec="minutes"))
    return found


@pytest.mark.parametrize(
    ("text", "zone", "start", "fires"),
    [
        # Berlin goes from 02:00+01 to 03:00+02 on 30 March 2025, and back at 03:00+02 on 26 October.
        ("30 2 * * *", BERLIN, "2025-03-29T12:00+01:00",
         ["2025-03-30T03:00+02:00", "2025-03-31T02:30+02:00"]),
        ("0,15,30,45 2 * * *", BERLIN, "2025-03-30T00:00+01:00",
         ["2025-03-30T03:00+02:00", "2025-03-31T02:00+02:00"]),
        ("0,30 2,3 * * *", BERLIN, "2025-03-30T00:00+01:00",
         ["2025-03-30T03:00+02:00", "2025-03-30T03:30+02:00", "2025-03-31T02:00+02:00"]),
        ("30 2 * * *", BERLIN, "2025-10-25T12:00+02:00",
         ["2025-10-26T02:30+02:00", "2025-10-27T02:30+01:00"]),
        # Asked within the second pass, before and after the time that it shows again.
        ("30 2 * * *", BERLIN, "2025-10-26T02:15+01:00", ["2025-10-27T02:30+01:00"]),
        ("0 3 * * *", BERLIN, "2025-10-26T02:45+01:00", ["2025-10-26T03:00+01:00"]),
        ("*/30 * * * *", BERLIN, "2025-03-30T01:00+01:00",
         ["2025-03-30T01:30+01:00", "2025-03-30T03:00+02:00", "2025-03-30T03:30+02:00"]),
        ("*/30 * * * *", BERLIN, "2025-10-26T01:45+02:00",
         ["2025-10-26T02:00+02:00", "2025-10-26T02:30+02:00", "2025-10-26T02:00+01:00",
          "2025-10-26T02:30+01:00", "2025-10-26T03:00+01:00"]),
        ("@hourly", BERLIN, "2025-10-26T01:30+02:00",
         ["2025-10-26T02:00+02:00", "2025-10-26T02:00+01:00", "2025-10-26T03:00+01:00"]),
        ("*/30 2 * * *", BERLIN, "2025-03-29T12:00+01:00", ["2025-03-31T02:00+02:00"]),
        ("0 */2 * * *", BERLIN, "2025-10-26T00:00+02:00",
         ["2025-10-26T02:00+02:00", "2025-10-26T02:00+01:00", "2025-10-26T04:00+01:00"]),
        # New York: 9 March and 2 November 2025, at two.
        ("30 2 * * *", NEW_YORK, "2025-03-08T12:00-05:00",
         ["2025-03-09T03:00-04:00", "2025-03-10T02:30-04:00"]),
        ("30 1 * * *", NEW_YORK, "2025-11-01T12:00-04:00",
         ["2025-11-02T01:30-04:00", "2025-11-03T01:30-05:00"]),
        ("45 * * * *", NEW_YORK, "2025-11-02T01:00-04:00",
         ["2025-11-02T01:45-04:00", "2025-11-02T01:45-05:00", "2025-11-02T02:45-05:00"]),
        # Lord Howe: half an hour, from 02:00+10:30 to 02:30+11 on 5 October 2025, back at 02:00+11 on 6 April.
        ("15 2 * * *", LORD_HOWE, "2025-10-04T12:00+10:30",
         ["2025-10-05T02:30+11:00", "2025-10-06T02:15+11:00"]),
        ("40 2 * * *", LORD_HOWE, "2025-10-04T12:00+10:30",
         ["2025-10-05T02:40+11:00", "2025-10-06T02:40+11:00"]),
        ("45 1 * * *", LORD_HOWE, "2025-04-05T12:00+11:00",
         ["2025-04-06T01:45+11:00", "2025-04-07T01:45+10:30"]),
        ("15 1 * * *", LORD_HOWE, "2025-04-05T12:00+11:00",
         ["2025-04-06T01:15+11:00", "2025-04-07T01:15+10:30"]),
        ("*/15 * * * *", LORD_HOWE, "2025-04-06T01:15+11:00",
         ["2025-04-06T01:30+11:00", "2025-04-06T01:45+11:00", "2025-04-06T01:30+10:30",
          "2025-04-06T01:45+10:30", "2025-04-06T02:00+10:30"]),
        ("0 */2 * * *", LORD_HOWE, "2025-04-06T00:00+11:00",
         ["2025-04-06T02:00+10:30", "2025-04-06T04:00+10:30"]),
        # Cairo skips midnight: 25 April 2025 begins at one.
        ("0 0 * * *", "Africa/Cairo", "2025-04-24T12:00+02:00",
         ["2025-04-25T01:00+03:00", "2025-04-26T00:00+03:00"]),
        ("0 */12 * * *", "Africa/Cairo", "2025-04-24T12:00+02:00",
         ["2025-04-25T12:00+03:00", "2025-04-26T00:00+03:00"]),
        # Samoa had no 30 December 2011.
        ("0 6 30 12 *", "Pacific/Apia", "2011-12-01T00:00-10:00",
         ["2011-12-31T00:00+14:00", "2012-12-30T06:00+14:00"]),
        # Kathmandu: a quarter of an hour off, and never a change.
        ("0 6 * * *", KATHMANDU, "2025-03-30T00:00+05:45",
         ["2025-03-30T06:00+05:45", "2025-03-31T06:00+05:45"]),
    ],
)  # fmt: skip
def test_fires_in_a_zone(text: str, zone: str, start: str, fires: list[str]) -> None:
    assert local(Cron.parse(text, zone), start, len(fires)) == fires


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        ("*/20 * * * *", ["2025-01-01T00:20", "2025-01-01T00:40", "2025-01-01T01:00"]),
        ("5-10/5,30 4 * * *", ["2025-01-01T04:05", "2025-01-01T04:10", "2025-01-01T04:30"]),
        ("0 9 * * mon-fri", ["2025-01-01T09:00", "2025-01-02T09:00", "2025-01-03T09:00", "2025-01-06T09:00"]),
        ("0 0 * * 7", ["2025-01-05T00:00", "2025-01-12T00:00"]),
        ("0 0 * * sun", ["2025-01-05T00:00", "2025-01-12T00:00"]),
        ("0 0 29 feb *", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("0 0 31 1,2,4 *", ["2025-01-31T00:00", "2026-01-31T00:00"]),
        ("0 0 13 * fri", ["2025-01-03T00:00", "2025-01-10T00:00", "2025-01-13T00:00"]),  # either
        ("0 0 */2 * mon", ["2025-01-13T00:00", "2025-01-27T00:00"]),  # both
        ("5-5/10 3-3/2 1-1/2 jan-jan/3 *", ["2025-01-01T03:05", "2026-01-01T03:05"]),
        ("@yearly", ["2026-01-01T00:00"]), ("@monthly", ["2025-02-01T00:00"]),
        ("@weekly", ["2025-01-05T00:00"]), ("@Daily", ["2025-01-02T00:00"]),
        ("@midnight", ["2025-01-02T00:00"]), ("  0\t6  * * * ", ["2025-01-01T06:00"]),
    ],
)  # fmt: skip
def test_what_fields_mean(text: str, fires: list[str]) -> None:
    found = local(Cron.parse(text), "2025-01-01T00:00:00+00:00", len(fires))
    assert found == [f"{fire}+00:00" for fire in fires]


def test_the_rarest_date_is_found() -> None:
    cron = Cron.parse("0 0 29 2 */7")  # a Sunday 29 February
    assert cron.next(datetime(2072, 3, 1, tzinfo=UTC)) == datetime(2088, 2, 29, tzinfo=UTC)
    assert cron.next(datetime(2088, 3, 1, tzinfo=UTC)) == datetime(2128, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("60 * * * *", "field minute of the cron expression has '60': it takes 0 to 59"),
        ("* 24 * * *", "field hour of the cron expression has '24': it takes 0 to 23"),
        ("* * 0 * *", "field day-of-month of the cron expression has '0': it takes 1 to 31"),
        ("* * * 13 *", "field month of the cron expression has '13': it takes 1 to 12, or JAN to DEC"),
        ("* * * * 8", "field day-of-week of the cron expression has '8': it takes 0 to 7, or SUN to SAT"),
        ("* * * MON *", "field month of the cron expression has 'MON': it takes 1 to 12"),
        ("* 5-2 * * *", "field hour of the cron expression has '5-2': a range goes from the lower"),
        ("*/0 * * * *", "field minute of the cron expression has '*/0': a step is 1 to 59"),
        ("*/60 * * * *", "field minute of the cron expression has '*/60': a step is 1 to 59"),
        ("5/10 * * * *", "field minute of the cron expression has '5/10': a step stands after"),
        (", * * * *", "field minute of the cron expression has '': write a number"),
        ("* * L * *", "field day-of-month of the cron expression has 'L': it takes 1 to 31"),
        ("* * LW * *", "field day-of-month of the cron expression has 'LW'"),
        ("* * * * MON#2", "field day-of-week of the cron expression has 'MON#2'"),
        ("* * ? * *", "field day-of-month of the cron expression has '\\?'"),
        ("0 * * * * *", "a field for the second"),
        ("0 0 30 2 *", "field day-of-month of the cron expression has '30', a day that the month '2' never has"),
        ("0 0 31 4,6,9,11 *", "'31', a day that the month '4,6,9,11' never has"),
        ("0 0 30,31 feb */2", "'30,31', a day that the month 'FEB' never has"),
        ("@reboot", "@reboot is not a time"), ("@hourl", "did you mean '@hourly'"),
        ("@every 5m", "not a known short form"), ("", "is not a cron expression of five fields"),
        ("* * * *", "of five fields"), ("٣ * * * *", "of five fields"), ("*\n* * * *", "of five fields"),
        ("1" * 5000 + " * * * *", "longer than 200"), ("*/" + "9" * 100 + " * * * *", "field minute"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(CronError, match=message.replace("*/", r"\*/")):
        Cron.parse(text)


@pytest.mark.parametrize(
    "name",
    ["", "Berlin", "europe/berlin", "../../etc/passwd", "/etc/localtime", "localtime", "posixrules",
     "right/UTC", "posix/Europe/Berlin", "Europe", "Europe/", "UTC\n", "UTC\x00", "a" * 10_000, "+01:00"],
)  # fmt: skip
def test_what_is_no_zone(name: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone"):
        Cron.parse("@daily", name)


def test_a_zone_is_that_of_the_package() -> None:
    assert zone_of("Asia/Kathmandu").key == "Asia/Kathmandu"
    with pytest.raises(ValueError, match="did you mean 'Europe/Berlin'"):
        zone_of("Europe/Berlim")


def test_equal_expressions_are_equal_and_can_be_copied() -> None:
    cron = Cron.parse("@daily", BERLIN)
    assert cron == Cron.parse("0  0 * * *", BERLIN) == deepcopy(cron)
    assert cron != Cron.parse("@daily", NEW_YORK)
    assert len({cron, Cron.parse("@daily", BERLIN)}) == 1
    assert repr(cron) == "Cron(expression='0 0 * * *', timezone='Europe/Berlin')"


def test_between_and_latest() -> None:
    cron = Cron.parse("0 * * * *")
    day, hour = datetime(2025, 5, 1, tzinfo=UTC), timedelta(hours=1)
    assert cron.between(day, day + 3 * hour, 100) == (day + hour, day + 2 * hour, day + 3 * hour)
    assert cron.between(day, day + 3 * hour, 2) == (day + hour, day + 2 * hour)
    assert cron.between(day, day + 3 * hour, 0) == ()
    assert cron.between(day, day, 5) == cron.between(day, day - hour, 5) == ()
    with pytest.raises(ValueError, match=f"at most {MOST_FIRES}"):
        cron.between(day, day + hour, MOST_FIRES + 1)
    assert cron.latest(day, day + 1.5 * hour) == day + hour
    assert cron.latest(day, day + hour) == day + hour
    assert cron.latest(day, day + 0.5 * hour) is None
    assert Cron.parse("* * * * *").latest(day, datetime(2095, 1, 1, 0, 0, 59, 5, UTC)) == datetime(
        2095, 1, 1, tzinfo=UTC
    )


def test_instants_that_are_not_taken() -> None:
    cron = Cron.parse("@daily")
    with pytest.raises(ValueError, match="has no zone"):
        cron.next(datetime(2025, 1, 1))
    for year in (1, 1899, 9901, 9999):
        with pytest.raises(CronError, match="1900 to 9900"):
            cron.next(datetime(year, 12, 31, tzinfo=UTC))


def test_parts_of_a_second_do_not_fire_twice() -> None:
    cron = Cron.parse("* * * * *", BERLIN)
    at = datetime(2025, 1, 1, 10, 0, 0, 1, UTC)
    assert cron.next(at) == datetime(2025, 1, 1, 10, 1, tzinfo=UTC)
    assert cron.next(at - timedelta(microseconds=2)) == datetime(2025, 1, 1, 10, tzinfo=UTC)


def members(least: int, most: int) -> st.SearchStrategy[tuple[str, frozenset[int]]]:
    """Return strategies of one field: its text, and the values that it stands for."""
    value = st.integers(least, most)
    step = st.integers(1, most - least)
    whole = range(least, most + 1)
    one = value.map(lambda it: (str(it), frozenset({it})))
    spans = st.tuples(value, value, step).map(lambda it: (min(it[:2]), max(it[:2]), it[2]))
    span = spans.map(
        lambda it: (f"{it[0]}-{it[1]}/{it[2]}", frozenset(range(it[0], it[1] + 1, it[2])))
    )
    stars = step.map(lambda it: (f"*/{it}", frozenset(whole[::it])))
    lists = st.lists(one | span, min_size=1, max_size=3).map(
        lambda parts: (",".join(text for text, _ in parts), frozenset[int]().union(*(s for _, s in parts)))
    )  # fmt: skip
    return st.just(("*", frozenset(whole))) | stars | lists


ZONES = st.sampled_from(
    [
        BERLIN,
        NEW_YORK,
        LORD_HOWE,
        KATHMANDU,
        "UTC",
        "Africa/Cairo",
        "Pacific/Apia",
        "America/Havana",
    ]
)
CHANGES = [datetime(2025, 3, 30, 1), datetime(2025, 10, 26, 1), datetime(2025, 3, 9, 7), datetime(2025, 11, 2, 6),
           datetime(2025, 4, 5, 15), datetime(2025, 10, 4, 15, 30), datetime(2011, 12, 30, 10), datetime(2025, 4, 24, 22)]  # fmt: skip


def moved(at: datetime, seconds: int) -> datetime:
    return at.replace(tzinfo=UTC) + timedelta(seconds=seconds)


NEAR = st.builds(moved, st.sampled_from(CHANGES), st.integers(-100_000, 100_000))
ANY = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


def by_hand(wild: bool, minutes: frozenset[int], hours: frozenset[int], zone: ZoneInfo,
            first: datetime, last: datetime) -> list[datetime]:  # fmt: skip
    """Return all fires of a daily job, by walking through the minutes: vixie cron's rule said in another way."""
    fires, shown_before = set[datetime](), set[datetime]()
    at = first - timedelta(days=2)
    before = at.astimezone(zone).replace(tzinfo=None) - timedelta(minutes=1)
    while at <= last:
        shown = at.astimezone(zone).replace(tzinfo=None)
        passed = [shown]
        while not wild and (gap := passed[-1] - timedelta(minutes=1)) > before:
            passed.append(gap)
        for each in passed:
            fits = each.minute in minutes and each.hour in hours
            if fits and at > first and (wild or each not in shown_before):
                fires.add(at)
        shown_before.update(passed)
        before, at = shown, at + timedelta(minutes=1)
    return sorted(fires)


@settings(max_examples=25, deadline=None)
@given(members(0, 59), members(0, 23), ZONES, NEAR)
def test_the_rule_holds_around_changes(
    minute: tuple[str, frozenset[int]], hour: tuple[str, frozenset[int]], zone: str, start: datetime
) -> None:
    cron = Cron.parse(f"{minute[0]} {hour[0]} * * *", zone)
    start = start.replace(second=0)
    end = start + timedelta(days=2)
    wild = minute[0].startswith("*") or hour[0].startswith("*")
    expected = by_hand(wild, minute[1], hour[1], cron.zone, start, end)
    assert list(cron.between(start, end, 5_000)) == expected
    assert cron.latest(start, end) == (expected[-1] if expected else None)


@settings(max_examples=150, deadline=None)
@given(
    members(0, 59), members(0, 23), members(1, 31), members(1, 12), members(0, 7), ZONES, ANY | NEAR
)
def test_a_fire_comes_after_and_fits(
    minute: Any, hour: Any, day: Any, month: Any, weekday: Any, zone: str, start: datetime
) -> None:
    text = " ".join(part[0] for part in (minute, hour, day, month, weekday))
    try:
        cron = Cron.parse(text, zone)
    except CronError:
        assume(False)
        raise
    fire = cron.next(start)
    assert fire > start
    at = fire.astimezone(cron.zone)
    offsets = {(fire + timedelta(days=days)).astimezone(cron.zone).utcoffset() for days in (-1, 0)}
    if len(offsets) > 1:
        return  # a change is near: the test above looks at it
    assert at.minute in minute[1]
    assert at.hour in hour[1]
    assert at.month in month[1]
    assert (at.second, at.microsecond) == (0, 0)
    days = (at.day in day[1], bool({at.isoweekday(), at.isoweekday() % 7} & weekday[1]))
    both = day[0].startswith("*") or weekday[0].startswith("*")
    assert all(days) if both else any(days)


@settings(max_examples=100, deadline=None)
@given(members(0, 59), members(0, 23), ZONES, NEAR)
def test_fires_grow(minute: Any, hour: Any, zone: str, start: datetime) -> None:
    fires = Cron.parse(f"{minute[0]} {hour[0]} * * *", zone).between(
        start, start + timedelta(days=4), 300
    )
    assert all(first < second for first, second in pairwise((start, *fires)))


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=60) | st.text("0123456789*/,-@ JANMOLW#?\t", max_size=40)
    | st.lists(st.text("0123456789*/,-JANMO", min_size=1, max_size=5), min_size=5, max_size=5).map(" ".join)
)  # fmt: skip
def test_any_text_fires_or_is_refused(text: str) -> None:
    try:
        cron = Cron.parse(text, BERLIN)
    except CronError:
        return
    start = datetime(2025, 3, 30, tzinfo=UTC)
    assert start < cron.next(start) < start + timedelta(days=41 * 366)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=30) | st.text("/.ABCeuropbln_+-", max_size=30))
def test_any_name_is_a_zone_or_refused(name: str) -> None:
    with contextlib.suppress(ValueError):
        assert zone_of(name).key == name


def test_no_expression_takes_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Days looked at are counted, since time is not measured in tests."""
    from cronsim import CronSim

    count = 0
    match_day = CronSim.match_day

    def counting(self: CronSim, day: date) -> bool:
        nonlocal count
        count += 1
        return match_day(self, day)

    monkeypatch.setattr(CronSim, "match_day", counting)
    for text in ("0 0 29 2 */7", "*/59 */23 */30 2 */7", "0 0 29 2 0", "* 2 * 3 0", "30 2 31 3 *"):
        count = 0
        Cron.parse(text, BERLIN).next(datetime(2088, 3, 1, tzinfo=UTC))
        assert count < 5_000, text
