"""Idempotency keys, schedules, usage and quotas: what many do at once is counted once each."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from blockyard_platform.service.registry import policies, schedules, submissions, usage, workflows
from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    QuotaError,
)
from blockyard_platform.service.registry.schedules import Timing
from blockyard_platform.service.registry.submissions import Claim
from blockyard_platform.service.registry.usage import Quota, Usage
from blockyard_schemas.problems import InvalidDocumentError

from .conftest import ADMIN, DOCUMENT, SERVICE, START, Clock, by

ANT = by("operator", "ant")
HELD = len(DOCUMENT)
"""The bytes that a tenant has stored by then: those of its workflow."""
ONE, OTHER = "1" * 64, "2" * 64


def at_once(count: int, do: Callable[[int], Any]) -> list[Any]:
    """Do something in as many threads, all of which begin together."""
    barrier = Barrier(count)

    def one(number: int) -> Any:
        barrier.wait()
        return do(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_ten_submissions_with_one_key_are_one_run(database: Database) -> None:
    def submit(number: int) -> Claim:
        with database.writing() as work:
            return submissions.claim(work, ANT, "ant", "key", ONE, f"run-{number}")

    told = at_once(10, submit)
    assert len({it.run for it in told}) == 1
    assert sorted(it.new for it in told) == [False] * 9 + [True]
    with database.writing() as work:
        bee = submissions.claim(work, by("author", "bee"), "bee", "key", OTHER, "run-of-bee")
    assert bee == Claim("run-of-bee", new=True)


def test_a_key_is_for_one_request(database: Database) -> None:
    with database.writing() as work:
        assert submissions.claim(work, ANT, "ant", "key", ONE, "a").new
        assert submissions.claim(work, ANT, "ant", "key", ONE, "b") == Claim("a", new=False)
        with pytest.raises(ConflictError, match="with another request"):
            submissions.claim(work, ANT, "ant", "key", OTHER, "c")


def test_a_key_that_was_undone_is_free(database: Database) -> None:
    def fail() -> None:
        with database.writing() as work:
            submissions.claim(work, ANT, "ant", "key", ONE, "a")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.writing() as work:
        assert submissions.claim(work, ANT, "ant", "key", OTHER, "b").new


def test_a_key_that_is_forgotten_as_it_is_looked_for_is_free(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    find: Callable[..., str | None] = submissions._find  # pyright: ignore[reportPrivateUsage]

    def late(work: Any, *given: Any) -> str | None:
        submissions.purge(work, SERVICE, clock.now)
        return find(work, *given)

    with database.writing() as work:
        submissions.claim(work, ANT, "ant", "key", ONE, "a")
    clock.now += 1
    monkeypatch.setattr(submissions, "_find", late)
    with database.writing() as work:
        assert submissions.claim(work, ANT, "ant", "key", OTHER, "b") == Claim("b", new=True)


@pytest.mark.parametrize("key", ["", "a b", "a\n", "é", "\x00", "k" * 201])
def test_a_key_that_cannot_be_is_refused(key: str, database: Database) -> None:
    with database.writing() as work:
        with pytest.raises(InvalidError):
            submissions.claim(work, ANT, "ant", key, ONE, "r")
        for digest in ("", "x" * 64, "A" * 64, "1" * 63):
            with pytest.raises(InvalidError):
                submissions.claim(work, ANT, "ant", "key", digest, "r")
        with pytest.raises(InvalidDocumentError):
            submissions.claim(work, ANT, "ant", "key", ONE, "../r")


def test_old_keys_are_forgotten_in_small_batches(database: Database, clock: Clock) -> None:
    for number in range(5):
        clock.now = START + number
        with database.writing() as work:
            submissions.claim(work, ANT, "ant", f"k{number}", ONE, f"r{number}")
    with database.writing() as work:
        told = [submissions.purge(work, SERVICE, START + 3, 2) for _ in range(3)]
        assert told == [2, 1, 0]
        assert submissions.claim(work, ANT, "ant", "k3", ONE, "x") == Claim("r3", new=False)
        assert submissions.claim(work, ANT, "ant", "k2", ONE, "x").new
        for most in (0, 10_001):
            with pytest.raises(InvalidError):
                submissions.purge(work, SERVICE, START, most)


def test_runs_are_counted_up_to_the_quota_however_many_ask(database: Database) -> None:
    with database.writing() as work:
        usage.set_quota(work, ADMIN, "ant", Quota(runs=5))

    def begin(_: int) -> bool:
        try:
            with database.writing() as work:
                usage.take_runs(work, ANT, "ant")
        except QuotaError:
            return False
        return True

    assert sorted(at_once(9, begin)) == [False] * 4 + [True] * 5
    with database.writing() as work:
        with pytest.raises(QuotaError, match="5 of the day's 5 runs are used"):
            usage.take_runs(work, ANT, "ant")
        assert usage.today(work, ANT, "ant") == Usage("ant", "2027-01-15", 5, stored_bytes=HELD)
        assert usage.today(work, ADMIN, "bee").runs == 0


def test_a_day_ends_at_midnight(database: Database, clock: Clock) -> None:
    with database.writing() as work:
        usage.set_quota(work, ADMIN, "ant", Quota(runs=1))
        usage.take_runs(work, ANT, "ant")
    clock.now = START + 57_599.5
    with database.writing() as work, pytest.raises(QuotaError):
        usage.take_runs(work, ANT, "ant")
    clock.now = START + 57_600
    with database.writing() as work:
        usage.take_runs(work, ANT, "ant")
        usage.add_seconds(work, SERVICE, "ant", 1.5)
        days = usage.page(work, ANT).items
    assert days == (Usage("ant", "2027-01-16", 1, 1.5), Usage("ant", "2027-01-15", 1, 0, HELD))


def test_seconds_that_are_used_up_stop_the_next_run(database: Database) -> None:
    with database.writing() as work:
        usage.set_quota(work, ADMIN, "ant", Quota(cpu_seconds=2.5))
    at_once(8, lambda _: spend(database, 0.25))
    with database.writing() as work:
        usage.take_runs(work, ANT, "ant")
        usage.add_seconds(work, SERVICE, "ant", 7)
        assert usage.today(work, ANT, "ant") == Usage("ant", "2027-01-15", 1, 9.0, HELD)
        with pytest.raises(QuotaError, match=r"the 2\.5 CPU seconds of the day are used up"):
            usage.take_runs(work, ANT, "ant")
        assert usage.today(work, ANT, "ant").runs == 1


def spend(database: Database, seconds: float) -> None:
    with database.writing() as work:
        usage.add_seconds(work, SERVICE, "ant", seconds)


def test_a_quota_of_nothing_allows_nothing(database: Database) -> None:
    with database.writing() as work:
        for quota in (Quota(runs=0), Quota(cpu_seconds=0)):
            usage.set_quota(work, ADMIN, "ant", quota)
            assert usage.quota_of(work, ANT, "ant") == quota
            with pytest.raises(QuotaError):
                usage.take_runs(work, ANT, "ant")
        usage.set_quota(work, ADMIN, "ant", Quota(stored_bytes=0))
        with pytest.raises(QuotaError):
            usage.store_bytes(work, SERVICE, "ant", 1)
        assert usage.quota_of(work, ADMIN, "bee") == Quota()


def test_bytes_are_counted_in_all_and_by_the_day(database: Database, clock: Clock) -> None:
    with database.writing() as work:
        usage.set_quota(work, ADMIN, "ant", Quota(stored_bytes=100 + HELD))
        usage.store_bytes(work, SERVICE, "ant", 80)
        with pytest.raises(QuotaError, match=f"{100 + HELD} bytes are used up"):
            usage.store_bytes(work, SERVICE, "ant", 21)
    clock.now += 86_400
    with database.writing() as work:
        usage.store_bytes(work, SERVICE, "ant", 20)
        usage.store_bytes(work, SERVICE, "ant", -70)
        assert usage.stored(work, ANT, "ant") == 30 + HELD
        with pytest.raises(InvalidError):
            usage.store_bytes(work, SERVICE, "ant", -31 - HELD)
        with pytest.raises(InvalidError):
            usage.store_bytes(work, SERVICE, "bee", -1 - HELD)
        days = usage.page(work, ANT, "ant").items
    assert [(it.day, it.stored_bytes) for it in days] == [
        ("2027-01-16", -50),
        ("2027-01-15", 80 + HELD),
    ]


def test_the_texts_of_workflows_are_stored_bytes(database: Database) -> None:
    text = DOCUMENT.replace("hello", "\N{GREEK SMALL LETTER ALPHA}" * 10)
    with database.writing() as work:
        usage.set_quota(work, ADMIN, "ant", Quota(stored_bytes=2 * HELD + 20))
        workflows.put(work, ADMIN, "ant", "greek", text)
        workflows.put(work, ADMIN, "ant", "greek", text)  # which adds none
        assert usage.stored(work, ANT, "ant") == 2 * HELD + 15
        with pytest.raises(QuotaError, match="are used up"):
            workflows.put(work, ADMIN, "ant", "greek", DOCUMENT)
        assert workflows.read(work, ADMIN, "ant", "greek").version == 1
        assert usage.stored(work, ANT, "ant") == 2 * HELD + 15


@pytest.mark.parametrize("number", [-1, 2**53 + 1, float("nan"), float("inf")])
def test_a_number_that_cannot_be_counted_is_refused(number: Any, database: Database) -> None:
    with database.writing() as work:
        with pytest.raises(InvalidError):
            usage.add_seconds(work, SERVICE, "ant", number)
        with pytest.raises(InvalidError):
            usage.take_runs(work, ANT, "ant", number)
        for quota in (Quota(runs=number), Quota(cpu_seconds=number), Quota(stored_bytes=number)):
            with pytest.raises(InvalidError):
                usage.set_quota(work, ADMIN, "ant", quota)


def test_versions_that_are_put_at_once_have_numbers_of_their_own(database: Database) -> None:
    def put(number: int) -> tuple[int, int]:
        with database.writing() as work:
            text = DOCUMENT.replace("hello", f"hello {number}")
            found = workflows.put(work, by("author", "ant"), "ant", "w", text)
            return found.version, policies.put(
                work, ADMIN, "ant", f"{{steps: {number + 1}}}"
            ).version

    told = at_once(8, put)
    assert sorted(told) == [(number, number + 1) for number in range(1, 9)]


TIMING = Timing("report", "0 7 * * 1-5", "Europe/Berlin", 1, {"a": [1, "é"]}, "once", "skip")


def test_a_schedule_is_put_read_and_deleted(database: Database) -> None:
    with database.writing() as work:
        made = schedules.put(work, ANT, "ant", "daily", TIMING)
        assert (made.timing, made.last_at, made.author) == (TIMING, None, "operator-ant")
        changed = Timing("report", "0 8 * * *")
        assert schedules.put(work, ANT, "ant", "daily", changed).timing.cron == "0 8 * * *"
        assert schedules.page(work, ANT).items == (schedules.read(work, ANT, "ant", "daily"),)
        assert schedules.read(work, ANT, "ant", "daily").timing.params == {}
        schedules.delete(work, ANT, "ant", "daily")
        for call in (schedules.read, schedules.delete):
            with pytest.raises(NotFoundError):
                call(work, ANT, "ant", "daily")


@pytest.mark.parametrize(
    "wrong",
    [
        Timing("a b", "x"),
        Timing("report", ""),
        Timing("report", "x" * 201),
        Timing("report", "x", version=0),
        Timing("report", "x", version=2**31),
        Timing("report", "x", "a\x00"),
        Timing("report", "x", params={"a": float("nan")}),
        Timing("report", "x", params={"a": "x" * 70_000}),
        Timing("report", "x", missed=""),
        Timing("report", "x", overlap="x" * 21),
        Timing("report", "x", next_at=float("inf")),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(wrong: Timing, database: Database) -> None:
    with database.writing() as work, pytest.raises(InvalidError):
        schedules.put(work, ANT, "ant", "daily", wrong)


def test_a_time_that_has_come_is_taken_by_one_scheduler(database: Database, clock: Clock) -> None:
    with database.writing() as work:
        for name, at, enabled in (
            ("b", 2.0, True),
            ("a", 1.0, True),
            ("c", 1.0, False),
            ("d", 9.0, True),
        ):
            timing = Timing("report", "x", enabled=enabled, next_at=START + at)
            schedules.put(work, ANT, "ant", name, timing)
        schedules.put(work, ANT, "ant", "e", Timing("report", "x"))
        assert schedules.due(work, SERVICE) == ()
    clock.now = START + 2
    with database.reading() as looking:
        assert [it.name for it in schedules.due(looking, SERVICE)] == ["a", "b"]
        assert [it.name for it in schedules.due(looking, SERVICE, 1)] == ["a"]

    def take(_: int) -> bool:
        with database.writing() as work:
            return schedules.advance(work, SERVICE, "ant", "a", START + 1, START + 100)

    assert sorted(at_once(6, take)) == [False] * 5 + [True]
    with database.writing() as work:
        found = schedules.read(work, ANT, "ant", "a")
        assert (found.timing.next_at, found.last_at) == (START + 100, START + 1)
        assert not schedules.advance(work, SERVICE, "ant", "c", START + 1, None)
        assert schedules.advance(work, Caller.service("ant"), "ant", "b", START + 2, None)
        assert schedules.due(work, SERVICE) == ()
