"""Who is dead: whose heartbeats stand still while the watcher was there itself, and who has died on this machine."""

import os
import subprocess
import sys

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from blockyard_platform.service.dispatch import claiming, runs
from blockyard_platform.service.dispatch.fairness import Turns
from blockyard_platform.service.dispatch.leases import Dead, Lease, Watch, take_over
from blockyard_platform.service.dispatch.places import is_gone, own_place
from blockyard_platform.service.dispatch.port import equal_share
from blockyard_platform.service.dispatch.runs import Submission
from blockyard_platform.service.dispatch.tables import WORKERS, locked, open_tables


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_a_worker_is_dead_when_its_count_stands_still(place: str) -> None:
    engine = open_tables(place)
    clock = Clock()
    one, two = Lease(engine, "one", 1), Lease(engine, "two", 1)
    one.take()
    two.take()
    watch = Watch(engine, "one", 10, clock)
    assert watch.look() == []
    for second in range(1, 10):
        clock.at = second
        assert watch.look() == []
    assert two.beat()
    for second in range(10, 21):
        clock.at = second
        assert watch.look() == []
    clock.at = 21
    assert watch.look() == [Dead("two", 1)]
    engine.dispose()


def test_a_watcher_that_was_away_begins_anew(place: str) -> None:
    engine = open_tables(place)
    clock = Clock()
    Lease(engine, "two", 1).take()
    watch = Watch(engine, "one", 10, clock)
    assert watch.look() == []
    clock.at = 1_000
    assert watch.look() == []
    found: list[list[Dead]] = []
    for _ in range(4):
        clock.at += 3
        found.append(watch.look())
    assert found == [[], [], [], [Dead("two", 0)]]
    engine.dispose()


def test_a_dead_worker_is_taken_over_once_and_not_when_it_lives(place: str) -> None:
    engine = open_tables(place)
    lease = Lease(engine, "two", 1)
    lease.take()
    with locked(engine) as connection:
        runs.add(connection, [Submission("r", "t", 0, False)])
        (claim,) = claiming.claim(connection, "two", 1, Turns(equal_share))
    lease.beat()
    assert take_over(engine, Dead("two", 0)) is None
    assert take_over(engine, Dead("two", None)) is None
    assert take_over(engine, Dead("two", 1)) == ["r"]
    assert take_over(engine, Dead("two", 1)) is None
    assert not lease.beat()
    with locked(engine) as connection:
        assert claiming.claim(connection, "two", 1, Turns(equal_share)) == []
    lease.take()
    with locked(engine) as connection:
        (again,) = claiming.claim(connection, "two", 1, Turns(equal_share))
    assert (claim.number, again.number, again.failures) == (1, 2, 1)
    engine.dispose()


def test_runs_of_a_worker_that_is_not_there_are_found(place: str) -> None:
    engine = open_tables(place)
    lease = Lease(engine, "two", 1)
    lease.take()
    with locked(engine) as connection:
        runs.add(connection, [Submission("r", "t", 0, False)])
        claiming.claim(connection, "two", 1, Turns(equal_share))
        connection.execute(sa.delete(WORKERS))
    watch = Watch(engine, "one", 10)
    (dead,) = watch.look()
    assert dead == Dead("two", None)
    assert take_over(engine, dead) == ["r"]
    assert watch.look() == []
    engine.dispose()


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_process_that_is_stopped_with_the_lock_is_cut_off(place: str) -> None:
    """SQLite has no such limit: there, a stopped process holds the lock of its file until it goes on.

    The limit is made short by the last thing that the holder does: from then on it is only waited for.
    """
    engine = open_tables(place)
    with engine.connect() as holder, locked(engine) as other:
        assert other.scalar(sa.text("SHOW idle_in_transaction_session_timeout")) == "5s"
        other.rollback()
        other.execute(sa.text("SET idle_in_transaction_session_timeout TO 0"))
        other.commit()
        holder.execute(sa.text("SELECT pg_advisory_xact_lock(1651270512)"))
        holder.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout TO '200ms'"))
        other.execute(sa.text("SET LOCAL lock_timeout TO '60s'"))
        other.execute(sa.text("SELECT pg_advisory_xact_lock(1651270512)"))
        with pytest.raises(exc.DBAPIError, match="idle-in-transaction timeout"):
            holder.execute(sa.text("SELECT 1"))
        assert holder.invalidated
    engine.dispose()


def test_a_process_that_has_died_here_is_gone() -> None:
    boot, space, pid, start = own_place().split()
    assert int(pid) == os.getpid()
    assert not is_gone(own_place())
    program = "from blockyard_platform.service.dispatch.places import own_place; print(own_place())"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert is_gone(done.stdout.strip())
    assert is_gone(f"{boot} {space} {pid} {int(start) + 1}")
    for elsewhere in ("", "x", f"another {space} 1 1", f"{boot} another 1 1"):
        assert not is_gone(elsewhere)
