"""Schedules: each fire is one order, whoever looks, whatever the clock does, and whatever stands in other rows."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from blockyard_platform.service.registry import schedules
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.tables import SCHEDULES
from blockyard_platform.service.scheduler import orders
from blockyard_platform.service.scheduler.firing import NEVER, adopt, fire
from blockyard_platform.service.scheduler.tables import ORDERS

from .conftest import SERVICE, START, Clock, by, every, make, schedule

HOUR, DAY = 3_600.0, 86_400.0


def at(text: str) -> float:
    """Return seconds since 1970 of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def fired(database: Database) -> list[str]:
    """Look once, and return the times of the orders that there are then, which are taken away."""
    adopt(database)
    fire(database)
    found = [(it.at, it.tenant, it.key) for it in every(database, ORDERS)]
    with database.writing() as work:
        for _, tenant, key in found:
            orders.done(work, SERVICE, tenant, key)
    return [f"{datetime.fromtimestamp(when, UTC):%m-%d %H:%M}" for when, _, _ in sorted(found)]


def test_a_new_schedule_waits_for_its_time(database: Database, clock: Clock) -> None:
    make(
        database,
        "s",
        "0 9 * * *",
        params={"when": "${{ fire.nominal }}", "by": "${{ fire.schedule }}"},
    )
    assert adopt(database) == 1
    assert adopt(database) == 0
    assert (schedule(database, "s").timing.next_at, schedule(database, "s").last_at) == (
        at("2027-01-15T09:00"),
        None,
    )
    assert fire(database) == 0
    clock.now = at("2027-01-15T09:00:03")
    assert fire(database) == 1
    assert fire(database) == 0
    (order,) = every(database, ORDERS)
    assert (order.tenant, order.workflow, order.version) == ("ant", "report", None)
    assert order.key == "schedule/s/1800003600"
    assert order.origin == "schedule/s"
    assert order.params == '{"by":"s","when":"2027-01-15T09:00:00+00:00"}'
    found = schedule(database, "s")
    assert (found.last_at, found.timing.next_at) == (at("2027-01-15T09:00"), at("2027-01-16T09:00"))


def test_many_who_look_at_once_make_one_order(database: Database, clock: Clock) -> None:
    for number in range(5):
        make(database, f"s{number}", "0 9 * * *")
    adopt(database)
    clock.now = at("2027-01-15T09:00:30")
    barrier = Barrier(4)

    def look(_: int) -> int:
        barrier.wait()
        return fire(database)

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(look, range(4)))
    assert sum(counts) == 5
    assert [it.key for it in every(database, ORDERS)] == [
        f"schedule/s{n}/1800003600" for n in range(5)
    ]


@pytest.mark.parametrize(
    ("missed", "expected"),
    [
        ("skip", []),
        ("once", ["01-18 09:00"]),
        ("all", ["01-15 09:00", "01-16 09:00", "01-17 09:00", "01-18 09:00"]),
    ],
)
def test_what_was_missed(
    missed: str, expected: list[str], database: Database, clock: Clock
) -> None:
    make(database, "s", "0 9 * * *", missed=missed)
    adopt(database)
    clock.now = at("2027-01-18T12:00")
    assert fired(database) == expected
    assert fired(database) == []
    clock.now = at("2027-01-19T09:00:59")
    assert fired(database) == ["01-19 09:00"]


def test_years_that_were_missed_are_no_more_than_a_hundred_runs(
    database: Database, clock: Clock
) -> None:
    make(database, "s", "* * * * *", missed="all")
    adopt(database)
    clock.now += 3 * 365 * DAY
    assert len(fired(database)) == 100


def test_a_night_in_spring_and_one_in_autumn(database: Database, clock: Clock) -> None:
    clock.now = at("2027-03-27T12:00")
    make(database, "fixed", "30 2 * * *", zone="Europe/Paris", missed="once")
    make(database, "wild", "30 */1 * * *", zone="Europe/Paris", tenant="bee")
    seen: list[str] = []
    adopt(database)
    with database.writing() as work:
        schedules.switch(work, by("operator", "bee"), "bee", "wild", enabled=False)
    for hour in range(48):
        clock.now = at("2027-03-27T12:00") + hour * HOUR
        seen += fired(database)
    assert seen == ["03-28 01:00", "03-29 00:30"]
    clock.now = at("2027-10-30T12:00")
    with database.writing() as work:
        schedules.switch(work, by("operator", "bee"), "bee", "wild", enabled=True)
        schedules.delete(work, by("operator", "ant"), "ant", "fixed")
    seen = []
    for hour in range(10, 16):
        clock.now = at("2027-10-30T12:30:10") + hour * HOUR
        seen += fired(database)
    # 02:30 comes twice on that clock, and a wildcard follows it.
    assert seen == ["10-30 23:30", "10-31 00:30", "10-31 01:30", "10-31 02:30", "10-31 03:30"]


def test_a_clock_that_is_put_back_a_little_fires_nothing_twice(
    database: Database, clock: Clock
) -> None:
    make(database, "s", "*/10 * * * *")
    adopt(database)
    clock.now = START + 601
    assert fired(database) == ["01-15 08:10"]
    clock.now = START + 300
    assert fired(database) == []
    clock.now = START + 700
    assert fired(database) == []
    clock.now = START + 1_201
    assert fired(database) == ["01-15 08:20"]


def test_a_clock_that_was_years_ahead_is_forgotten(database: Database, clock: Clock) -> None:
    make(database, "s", "0 9 * * *", missed="once")
    adopt(database)
    clock.now = START + 2 * 365 * DAY
    assert fired(database) == ["01-13 09:00"]
    make(database, "made", "0 9 * * *")
    clock.now = START
    assert fired(database) == []
    assert schedule(database, "s").timing.next_at == at("2027-01-15T09:00")
    clock.now = at("2027-01-15T09:00:01")
    assert fired(database) == ["01-15 09:00", "01-15 09:00"]
    assert adopt(database) == 0


def test_one_that_cannot_be_read_does_not_stop_the_others(database: Database, clock: Clock) -> None:
    for name in ("a", "b", "c", "d", "e", "f"):
        make(database, name, "0 9 * * *", next_at=at("2027-01-15T09:00"))
    broken: dict[str, Any] = {
        "a": {"cron": "every day"},
        "b": {"zone": "Mars/Base"},
        "c": {"overlap": "never"},
        "d": {"missed": "perhaps"},
        "e": {"params": '{"x":"${{ fire.x.y }}"}'},
    }
    with database.writing() as work:
        for name, values in broken.items():
            work.change(sa.update(SCHEDULES).where(SCHEDULES.c.name == name).values(values))
    clock.now = at("2027-01-15T09:00:01")
    assert fired(database) == ["01-15 09:00"]
    problems = {name: schedule(database, name).problem or "" for name in "abcdef"}
    assert "is not a cron expression" in problems["a"]
    assert "is not a time zone" in problems["b"]
    assert problems["c"] == "overlap is one of allow, skip, queue, replace"
    assert problems["d"] == "missed is one of skip, once, all"
    assert "fire has no 'x'" in problems["e"]
    assert problems["f"] == ""
    assert [schedule(database, name).timing.next_at for name in "abcde"] == [None] * 5
    assert fired(database) == []
    # Who mends it starts it again.
    make(database, "a", "0 9 * * *")
    adopt(database)
    assert schedule(database, "a").timing.next_at == at("2027-01-16T09:00")
    assert schedule(database, "a").problem is None


def test_one_that_never_fires_says_so(database: Database) -> None:
    make(database, "s", "0 0 29 2 SUN#1")
    adopt(database)
    assert "day-of-week" in (schedule(database, "s").problem or "")
    assert NEVER.startswith("it does not fire")


def test_what_was_switched_off_or_changed_is_left_alone(database: Database, clock: Clock) -> None:
    make(database, "off", "0 9 * * *", enabled=False)
    make(database, "on", "0 9 * * *")
    adopt(database)
    with database.reading() as work:
        found = schedules.due(work, SERVICE)
    assert found == ()
    clock.now = at("2027-01-15T09:00:01")
    with database.reading() as work:
        (row,) = schedules.due(work, SERVICE)
    make(database, "on", "0 10 * * *")
    with database.writing() as work:
        assert not schedules.advance(work, SERVICE, "ant", "on", row.timing.next_at, None)
    assert fired(database) == []


def test_the_next_time_is_the_earliest_of_those_that_are_on(database: Database) -> None:
    with database.reading() as work:
        assert schedules.earliest(work, SERVICE) is None
    make(database, "off", "0 8 * * *", enabled=False, next_at=1.0)
    make(database, "late", "0 11 * * *")
    make(database, "early", "0 10 * * *", tenant="bee")
    adopt(database)
    with database.reading() as work:
        assert schedules.earliest(work, SERVICE) == at("2027-01-15T10:00")


def test_fires_that_queue_are_bounded(database: Database, clock: Clock) -> None:
    make(database, "s", "* * * * *", missed="all", overlap="queue")
    adopt(database)
    clock.now += HOUR
    assert fire(database) == 11
    clock.now += HOUR
    assert fire(database) == 0
    assert len(every(database, ORDERS)) == 11


def test_params_that_are_too_large_when_they_are_filled_are_told(
    database: Database, clock: Clock
) -> None:
    texts = {f"p{n}": "${{ fire.schedule }}" * 200 for n in range(15)}
    name = "x" * 100
    make(database, name, "0 9 * * *", params=texts)
    adopt(database)
    clock.now = at("2027-01-15T09:00:01")
    assert fire(database) == 0
    (order,) = every(database, ORDERS)
    assert "longer than 65536 bytes" in order.problem
