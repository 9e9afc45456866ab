"""A tenant with much queued does not hold up another; caps and weights hold; the cost does not grow with the queue."""

import itertools
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blockyard_platform.service.dispatch import claiming, runs
from blockyard_platform.service.dispatch.fairness import Turns
from blockyard_platform.service.dispatch.port import Share, State, equal_share
from blockyard_platform.service.dispatch.runs import Submission
from blockyard_platform.service.dispatch.tables import locked, open_tables

from .conftest import Here, until

MANY = 10_000
TENANTS = st.sampled_from("abcdef")


def fill(place: str, tenant: str, prefix: str = "hog", count: int = MANY) -> None:
    engine = open_tables(place)
    with locked(engine) as connection:
        names = [f"{prefix}-{number}" for number in range(count)]
        runs.add(connection, [Submission(it, tenant, 0, False) for it in names])
    engine.dispose()


async def test_a_single_run_waits_for_one_slot_beside_ten_thousand(here: Here, place: str) -> None:
    fill(place, "hog", "held")
    dispatcher = await here.begin(slots=2)
    await until(lambda: len(here.work.begun) == 2)
    dispatcher.submit("single", "small")
    last = dispatcher.why_waiting(f"held-{MANY - 1}")
    assert last is not None
    assert (last.position, last.reason) == (MANY - 2, "busy")
    here.work.gate(here.work.begun[0]).set()
    await until(lambda: len(here.work.begun) == 4)
    assert here.work.begun[2] == "single"
    await here.reach("single", State.ENDED)


async def test_a_cap_leaves_slots_to_others(here: Here) -> None:
    dispatcher = await here.begin(slots=4)
    here.work.shares["capped"] = Share(cap=2)
    for number in range(4):
        dispatcher.submit(f"held-{number}", "capped")
    dispatcher.submit("other", "t")
    await here.reach("other", State.ENDED)
    # It may have overtaken what was given out with it.
    await until(lambda: len(here.work.begun) == 3)
    assert sorted(here.work.begun) == ["held-0", "held-1", "other"]
    here.work.gate("held-0").set()
    await until(lambda: "held-2" in here.work.begun)
    assert "held-3" not in here.work.begun


READ = sa.text(
    "SELECT sum(pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid))"
    " FROM pg_class WHERE relname LIKE 'queue%'"
)


@contextmanager
def effort(connection: sa.Connection) -> Generator[Callable[[], int]]:
    """Yield what tells the steps that SQLite has done since, or the rows and the entries of indexes that PostgreSQL has read."""
    if connection.dialect.name == "postgresql":
        before = int(connection.scalar(READ) or 0)
        yield lambda: int(connection.scalar(READ) or 0) - before
        return
    steps = itertools.count()
    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(lambda: next(steps) < 0, 1)
    yield lambda: next(steps)
    driver.set_progress_handler(None, 1)


def test_a_claim_costs_the_same_with_ten_thousand_queued(place: str) -> None:
    """By what the database does for it, which no other load changes: the time is measured in bench/dispatch.py."""
    engine = open_tables(place)
    with locked(engine) as connection:
        connection.exec_driver_sql("INSERT INTO workers VALUES ('w', '', 1, 0, 0)")
    spent: list[int] = []
    for queued in (20, MANY):
        fill(place, "t", str(queued), queued)
        turns = Turns(equal_share)
        spent.append(0)
        for _ in range(20):
            with locked(engine) as connection, effort(connection) as count_up:
                (claim,) = claiming.claim(connection, "w", 1, turns)
                runs.end(connection, [claim], State.ENDED)
                spent[-1] += count_up()
    engine.dispose()
    assert 0 < spent[1] <= 2 * spent[0]


def test_a_worker_without_a_lease_is_given_nothing(place: str) -> None:
    engine = open_tables(place)
    fill(place, "t", count=2)
    with locked(engine) as connection:
        assert claiming.claim(connection, "nobody", 2, Turns(equal_share)) == []
    engine.dispose()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    free=st.integers(0, 20),
    tenants=st.sets(TENANTS),
    running=st.dictionaries(TENANTS, st.integers(0, 5)),
    caps=st.dictionaries(TENANTS, st.integers(0, 5)),
)
def test_slots_are_dealt_within_caps_and_evenly(
    free: int, tenants: set[str], running: dict[str, int], caps: dict[str, int]
) -> None:
    given = Turns(lambda tenant: Share(cap=caps.get(tenant))).deal(free, tenants, running)
    assert given.keys() <= tenants
    total = {it: running.get(it, 0) + given.get(it, 0) for it in tenants}
    room = [it for it in tenants if it not in caps or total[it] < caps[it]]
    assert sum(given.values()) == free or (sum(given.values()) < free and not room)
    for one, count in given.items():
        assert one not in caps or total[one] <= caps[one]
        # Nobody who was given something is more than one ahead of somebody who could have had it.
        assert all(total[one] <= total[other] + 1 for other in room if count)


def test_weights_are_shares_of_the_slots() -> None:
    weights: Mapping[str, float] = {"a": 3.0, "b": 1.0}
    turns = Turns(lambda tenant: Share(weight=weights[tenant]))
    assert turns.deal(8, ["a", "b"], {}) == {"a": 6, "b": 2}


def test_equals_take_turns() -> None:
    turns = Turns(equal_share)
    order = [next(iter(turns.deal(1, ["a", "b", "c"], {}))) for _ in range(6)]
    assert order == ["a", "b", "c", "a", "b", "c"]
