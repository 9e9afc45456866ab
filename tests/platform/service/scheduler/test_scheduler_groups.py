"""Concurrency groups: never more runs than there may be, nobody waits for ever, and nobody waits for another tenant."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from blockyard_platform.service.registry.access import Scope, enter
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import ForbiddenError, NotFoundError
from blockyard_platform.service.scheduler import groups
from blockyard_platform.service.scheduler.groups import Joined
from blockyard_platform.service.scheduler.tables import GROUP_RUNS
from blockyard_platform.triggers.overlap import MOST_QUEUED, Group

from .conftest import SERVICE, Clock, by, every
from .recording import Recording

ONE = Group("k")
START, WAIT = Joined("start"), Joined("queue")


def join(
    database: Database, run: str, group: Group = ONE, tenant: str = "ant", key: str = "k"
) -> Joined:
    with database.writing() as work:
        return groups.join(work, Caller.service(tenant), tenant, run, key, group)


def leave(database: Database, runs: Recording, run: str, tenant: str = "ant") -> tuple[str, ...]:
    with database.writing() as work:
        return groups.leave(work, scope(work, tenant), run, runs)


def scope(work: Any, tenant: str) -> Scope:
    return enter(work, SERVICE, Action.SCHEDULES_ADVANCE, tenant)


def members(database: Database) -> list[tuple[str, bool]]:
    """Return the runs of all groups, and whether they are held."""
    return [(it.run, it.held) for it in every(database, GROUP_RUNS)]


def test_the_next_waits_until_one_has_ended(database: Database, runs: Recording) -> None:
    told = [join(database, run) for run in ("a", "b", "c")]
    assert told == [START, WAIT, WAIT]
    assert leave(database, runs, "a") == ("b",)
    assert leave(database, runs, "a") == ()
    assert leave(database, runs, "b") == ("c",)
    assert leave(database, runs, "c") == ()
    assert (runs.let, members(database)) == (["b", "c"], [])


def test_who_waits_is_told_which_it_is_of_its_group(database: Database, runs: Recording) -> None:
    for run in ("a", "b", "c"):
        join(database, run)
        join(database, f"{run} of another", key="other")
        join(database, f"{run} of bee", tenant="bee")

    def place(run: str, tenant: str = "ant") -> int | None:
        with database.reading() as work:
            found = groups.why_held(work, by("viewer", tenant), tenant, run)
        assert found is None or found.reason == "group"
        return None if found is None else found.position

    assert [place(run) for run in ("a", "b", "c", "d")] == [None, 1, 2, None]
    assert place("c", "bee") is None
    leave(database, runs, "a")
    assert [place(run) for run in ("b", "c")] == [None, 1]
    with database.reading() as work, pytest.raises(NotFoundError):
        groups.why_held(work, by("viewer", "bee"), "ant", "c")


def test_as_many_run_as_there_may(database: Database, runs: Recording) -> None:
    three = Group("k", 3)
    assert [join(database, str(n), three).action for n in range(5)] == ["start"] * 3 + ["queue"] * 2
    assert leave(database, runs, "1") == ("3",)
    assert leave(database, runs, "3") == ("4",)
    assert leave(database, runs, "0") == ()
    assert join(database, "5", three) == START


def test_groups_of_other_keys_and_tenants_are_others(database: Database, runs: Recording) -> None:
    assert join(database, "a") == START
    assert join(database, "b", tenant="bee") == START
    assert join(database, "c", key="K") == START
    assert join(database, "d", tenant="bee") == WAIT
    assert leave(database, runs, "b", "ant") == ()
    assert leave(database, runs, "a", "bee") == ()
    assert leave(database, runs, "b", "bee") == ("d",)


def test_too_many_are_refused(database: Database) -> None:
    told = [join(database, str(n)).action for n in range(MOST_QUEUED + 2)]
    assert told == ["start", *["queue"] * MOST_QUEUED, "skip"]
    assert len(members(database)) == MOST_QUEUED + 1


def test_joining_again_changes_nothing(database: Database) -> None:
    assert [join(database, run) for run in ("a", "a", "b", "b")] == [START, START, WAIT, WAIT]
    assert members(database) == [("a", False), ("b", True)]


def test_a_newer_run_takes_the_place_of_those_before(database: Database, runs: Recording) -> None:
    newest = Group("k", 1, cancel_in_progress=True)
    assert join(database, "a", newest) == START
    assert join(database, "b", newest) == Joined("queue", ("a",))
    assert join(database, "c", newest) == Joined("queue", ("a",), ("b",))
    # What is cancelled may take a while: until then nothing else runs.
    assert members(database) == [("a", False), ("c", True)]
    assert leave(database, runs, "a") == ("c",)
    two = Group("k", 2, cancel_in_progress=True)
    assert join(database, "d", two) == START
    assert join(database, "e", two) == Joined("queue", ("c",))
    assert leave(database, runs, "c") == ("e",)


def test_many_at_once_are_no_more_than_there_may_be(database: Database, runs: Recording) -> None:
    barrier = Barrier(6)

    def one(number: int) -> str:
        barrier.wait()
        return join(database, f"r{number}", Group("k", 2)).action

    def end(run: str) -> None:
        leave(database, runs, run)

    with ThreadPoolExecutor(6) as pool:
        told = sorted(pool.map(one, range(6)))
    assert told == ["queue"] * 4 + ["start"] * 2
    while open_ := [run for run, held in members(database) if not held]:
        assert len(open_) <= 2
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(end, open_))
    assert members(database) == []
    assert len(runs.let) == 4


@pytest.mark.parametrize("key", ["", " ", "a\n\x00b", "x" * 201])
def test_a_key_that_cannot_be(key: str, database: Database) -> None:
    with pytest.raises(ValueError, match="printable characters"):
        join(database, "a", key=key)


def test_who_may_not_submit_joins_nothing(database: Database) -> None:
    with database.writing() as work:
        with pytest.raises(ForbiddenError):
            groups.join(work, by("viewer", "ant"), "ant", "a", "k", ONE)
        with pytest.raises(NotFoundError):
            groups.join(work, by("author", "ant"), "bee", "a", "k", ONE)


def test_what_a_dead_process_left_behind_is_swept_up(
    database: Database, runs: Recording, clock: Clock
) -> None:
    told = [join(database, run) for run in ("a", "b")]
    assert told == [START, WAIT]
    assert join(database, "x", tenant="bee") == START
    # None of them is a run that there is.
    assert groups.sweep(database, runs, runs) == 3
    assert members(database) == []


def test_one_that_is_held_though_there_is_room_is_let_in(
    database: Database, runs: Recording
) -> None:
    class Open:
        """Runs none of which has ended."""

        def active(self, work: Any, tenant: str, origin: str) -> list[str]:
            return []

        def ended(self, work: Any, runs: Any) -> list[str]:
            return []

    join(database, "a")
    join(database, "b")
    with database.writing() as work:
        work.change(GROUP_RUNS.delete().where(GROUP_RUNS.c.run == "a"))
    assert groups.sweep(database, Open(), runs) == 0
    assert (runs.let, members(database)) == (["b"], [("b", False)])


def test_nothing_is_let_in_when_the_end_is_undone(database: Database, runs: Recording) -> None:
    join(database, "a")
    join(database, "b")

    def end() -> None:
        with database.writing() as work:
            assert groups.leave(work, scope(work, "ant"), "a", runs) == ("b",)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        end()
    assert members(database) == [("a", False), ("b", True)]
