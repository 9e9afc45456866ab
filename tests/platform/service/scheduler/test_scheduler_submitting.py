"""Orders become runs: one each, as overlap allows, through crashes and failures."""

from typing import Any

import pytest

from blockyard_platform.service.registry import tenants, usage
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.usage import Quota
from blockyard_platform.service.scheduler import orders
from blockyard_platform.service.scheduler.firing import adopt, fire
from blockyard_platform.service.scheduler.orders import LEASE, Waiting
from blockyard_platform.service.scheduler.submitting import AGAIN, MOST_TRIES, Submitter
from blockyard_platform.service.scheduler.tables import ORDERS
from blockyard_platform.store.errors import StoreError

from .conftest import SERVICE, Clock, by, every, make
from .recording import Killed, Recording, nothing

ADMIN = by("admin")


@pytest.fixture
def submitter(database: Database, runs: Recording) -> Submitter:
    return Submitter(database, runs, runs, runs.failed)


def minutes(database: Database, clock: Clock, count: int, overlap: str) -> None:
    """Have a schedule of each minute fire so many times, one after the other."""
    make(database, "s", "* * * * *", overlap=overlap, params={"at": "${{ fire.nominal }}"})
    adopt(database)
    for _ in range(count):
        clock.now += 60
        fire(database)


def test_an_order_is_a_run(
    database: Database, clock: Clock, runs: Recording, submitter: Submitter
) -> None:
    minutes(database, clock, 1, "skip")
    assert submitter.submit() == 1
    assert runs.seen() == [("ant", "report", "schedule/s", {"at": "2027-01-15T08:01:00+00:00"})]
    assert every(database, ORDERS) == []
    assert submitter.submit() == 0


@pytest.mark.parametrize(
    ("overlap", "seen", "waiting"),
    [
        ("allow", ["WAIT", "WAIT", "WAIT"], 0),
        ("skip", ["WAIT"], 0),
        ("queue", ["WAIT"], 2),
        ("replace", ["CANCEL", "CANCEL", "WAIT"], 0),
    ],
)
def test_fires_while_a_run_is_under_way(
    overlap: str, seen: list[str], waiting: int, database: Database, clock: Clock, runs: Recording, submitter: Submitter
) -> None:  # fmt: skip
    minutes(database, clock, 3, overlap)
    submitter.submit()
    assert [it.status for it in runs.rows()] == seen
    assert len(every(database, ORDERS)) == waiting


def test_fires_that_wait_go_on_in_their_order(
    database: Database, clock: Clock, runs: Recording, submitter: Submitter
) -> None:
    minutes(database, clock, 3, "queue")
    submitter.submit()
    for number in (1, 2, 3):
        assert [it.id for it in runs.rows()] == [f"run-ant-{n + 1}" for n in range(number)]
        assert submitter.submit() == 0
        runs.end(f"run-ant-{number}")
        submitter.submit()
    assert [it[3]["at"][14:16] for it in runs.seen()] == ["01", "02", "03"]
    assert every(database, ORDERS) == []


def test_an_end_that_nobody_told_is_seen_later(
    database: Database, clock: Clock, runs: Recording, submitter: Submitter
) -> None:
    minutes(database, clock, 2, "queue")
    submitter.submit()
    with database.writing() as work:
        work.connection.exec_driver_sql("UPDATE recorded SET status = 'FAILED'")
    assert submitter.submit() == 0
    clock.now += AGAIN
    assert submitter.submit() == 1
    assert len(runs.rows()) == 2


@pytest.mark.parametrize("overlap", ["allow", "skip", "queue", "replace"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_a_submission_loses_nothing_and_doubles_nothing(
    moment: str, overlap: str, database: Database, clock: Clock, runs: Recording, submitter: Submitter
) -> None:  # fmt: skip
    def kill(_: Any) -> None:
        raise Killed

    minutes(database, clock, 1, overlap)
    setattr(runs, moment, kill)
    with pytest.raises(Killed):
        submitter.submit()
    setattr(runs, moment, nothing)
    assert len(runs.rows()) == (moment == "after")
    assert submitter.submit() == 0  # it is still leased
    clock.now += LEASE + 1
    submitter.submit()
    assert [(it.status, it.origin) for it in runs.rows()] == [("WAIT", "schedule/s")]
    if overlap == "queue" and moment == "after":
        runs.end("run-ant-1")
        submitter.submit()
    assert every(database, ORDERS) == []
    assert len(runs.rows()) == 1


def test_a_run_that_replaces_others_is_not_replaced_by_its_own_order(
    database: Database, clock: Clock, runs: Recording, submitter: Submitter
) -> None:
    minutes(database, clock, 1, "replace")

    def kill(_: Any) -> None:
        raise Killed

    submitter.submit()
    clock.now += 60
    fire(database)
    runs.after = kill
    with pytest.raises(Killed):
        submitter.submit()
    runs.after = nothing
    assert [it.status for it in runs.rows()] == ["WAIT", "WAIT"]
    clock.now += LEASE + 1
    submitter.submit()
    assert [it.status for it in runs.rows()] == ["CANCEL", "WAIT"]


def order(name: str, **more: Any) -> Waiting:
    return Waiting(
        "ant", f"after/r/{name}", more.pop("workflow", "report"), "after/r/1", 1.0, **more
    )


def add(database: Database, *waiting: Waiting) -> None:
    with database.writing() as work:
        for each in waiting:
            assert orders.add(work, SERVICE, each)


def test_what_can_never_run_stays_with_its_problem(
    database: Database, runs: Recording, submitter: Submitter
) -> None:
    add(database, order("a", params={"refuse": 1}), order("b", workflow="gone"), order("c"))
    submitter.submit()
    assert [it.workflow for it in runs.rows()] == ["report"]
    with database.reading() as work:
        found = orders.page(work, by("viewer", "ant")).items
    assert [(it.key, it.problem) for it in found] == [
        ("after/r/a", "the run is refused: no such param"),
        ("after/r/b", "there is no workflow 'gone'"),
    ]
    assert submitter.submit() == 0


def test_a_quota_and_a_tenant_that_is_off_are_told(
    database: Database, runs: Recording, submitter: Submitter
) -> None:
    with database.writing() as work:
        usage.set_quota(work, ADMIN, "ant", Quota(runs=0))
    add(database, order("a"))
    submitter.submit()
    with database.writing() as work:
        usage.set_quota(work, ADMIN, "ant", Quota())
        tenants.disable(work, ADMIN, "ant", "mines coins")
    add(database, order("b"))
    submitter.submit()
    problems = [it.problem for it in every(database, ORDERS)]
    assert "runs are used" in problems[0]
    assert problems[1] == "the tenant 'ant' is disabled: mines coins"
    assert runs.rows() == []


def test_a_service_that_fails_is_asked_again(
    database: Database, clock: Clock, runs: Recording, submitter: Submitter
) -> None:
    def fail(_: Any) -> None:
        raise StoreError("the database is away")

    runs.before = fail
    add(database, order("a"))
    for _ in range(MOST_TRIES):
        assert submitter.submit() == 1
        assert submitter.submit() == 0
        clock.now += 300
    assert runs.errors[0][0] == "order ant/after/r/a"
    (row,) = every(database, ORDERS)
    assert row.problem == "it failed 20 times: the database is away"
    runs.errors.clear()


def test_only_so_many_problems_are_kept(
    database: Database, runs: Recording, submitter: Submitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "MOST_KEPT", 3)
    for number in range(5):
        add(database, Waiting("ant", f"k{number}", "gone", "after/r/1", float(number)))
        submitter.submit()
    assert [it.key for it in every(database, ORDERS)] == ["k2", "k3", "k4"]


def test_a_tenant_of_many_orders_keeps_nobody_waiting(
    database: Database, runs: Recording, submitter: Submitter
) -> None:
    add(database, *(order(f"{number:03}") for number in range(150)))
    add(database, Waiting("bee", "late", "report", "after/r/1", 2.0))
    with database.writing() as work:
        taken = orders.take(work, SERVICE)
        again = orders.take(work, SERVICE)
    assert [it.key for it in taken if it.tenant == "bee"] == ["late"]
    assert [it.key for it in taken if it.tenant == "ant"] == [
        f"after/r/{number:03}" for number in range(orders.SHARE)
    ]
    assert [it.key[-3:] for it in again] == [
        f"{number:03}" for number in range(orders.SHARE, 2 * orders.SHARE)
    ]
    submitter.submit()
    assert len(runs.rows()) == 150 - 2 * orders.SHARE  # all that nobody else has


def test_a_clock_that_is_put_back_does_not_hold_orders_up(
    database: Database, clock: Clock, runs: Recording, submitter: Submitter
) -> None:
    clock.now += 10 * 86_400
    add(database, order("a"), order("b"))
    with database.writing() as work:
        assert [it.key for it in orders.take(work, SERVICE, 1)] == ["after/r/a"]
    clock.now -= 10 * 86_400
    submitter.submit()
    assert len(runs.rows()) == 2


def test_keys_fit_however_long_the_names_are() -> None:
    assert orders.key_of("schedule", "s", "1") == "schedule/s/1"
    long = orders.key_of("after", "r" * 100, "w" * 100)
    assert long.startswith("after/")
    assert len(long) == 70
    assert long != orders.key_of("after", "r" * 100, "w" * 99)
