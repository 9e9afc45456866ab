"""How runs begin together in a worker: each by the policy and the switches of the moment, and each once."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine

from blockyard_platform.host_blocks import platform_catalog
from blockyard_platform.service.admitting import Admitting
from blockyard_platform.service.registry import policies, switches, tenants
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import ConflictError, NotFoundError
from blockyard_platform.service.registry.switches import SwitchKind
from blockyard_platform.service.worker.beginning import Beginning, Found
from blockyard_platform.store.errors import StoreError
from blockyard_platform.store.rows import run_row
from blockyard_platform.store.store import Store
from blockyard_platform.store.tables import RUNS
from blockyard_schemas.statuses import Status

from .conftest import ADMIN, PATIENCE, POLICY, Place, place, postgres

__all__ = ["place", "postgres"]

T = TypeVar("T")

DOCUMENT: dict[str, Any] = {
    "name": "w",
    "params": {"n": {"type": "integer", "default": 3}},
    "stages": [{"id": "a", "echo": "${{ params.n }}"}],
}


def nothing(_part: str, _seconds: float) -> None:
    """Learn how long a write takes."""


@pytest.fixture
def database(place: str) -> Iterator[Database]:
    found = Database(place)
    with found.writing() as work:
        for name in ("ant", "bee", "cat"):
            tenants.create(work, ADMIN, name)
        for name in ("ant", "bee"):
            policies.put(work, ADMIN, name, POLICY)
    yield found
    found.close()


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database.engine)


@pytest.fixture
def beginning(database: Database, store: Store) -> Beginning:
    return Beginning(database, Admitting(database, platform_catalog()), store, nothing)


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Yield the list of the statements that are executed, on any engine."""
    found: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("PRAGMA"):
            found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield found
    event.remove(Engine, "before_cursor_execute", note)


def accept(database: Database, name: str, tenant: str = "ant", **more: Any) -> str:
    row = run_row(name, "w", DOCUMENT, {"n": 3}) | {"tenant": tenant, "settled": 0}
    with database.writing() as work:
        work.connection.execute(sa.insert(RUNS), row | more)
    return name


def epoch(database: Database, name: str) -> int:
    with database.reading() as work:
        found = work.connection.scalar(sa.select(RUNS.c.epoch).where(RUNS.c.id == name))
    assert found is not None
    return int(found)


def find(beginning: Beginning, name: str) -> Found:
    found = beginning.find(name)
    assert found is not None
    return found


def take(beginning: Beginning, name: str) -> Found:
    """Find, admit and take a run."""
    found = find(beginning, name)
    plan = beginning.admit(found).plan
    assert plan is not None
    beginning.take(found.ticket, plan)
    return found


def test_a_run_begins_with_two_statements_and_one_more_when_something_has_changed(
    beginning: Beginning, database: Database, statements: list[str]
) -> None:
    def begin(name: str, tenant: str = "ant") -> list[str]:
        accept(database, name, tenant)
        statements.clear()
        assert take(beginning, name).ticket.epoch == 1
        assert epoch(database, name) == 1
        return [it.split()[0] for it in statements[:-1]]

    assert begin("a") == ["SELECT"] * 4 + ["WITH"]  # the policy itself, once
    assert begin("b") == ["SELECT", "WITH"]
    with database.writing() as work:
        switches.stop(work, ADMIN, SwitchKind.WORKFLOW, "other", "x", tenant="bee")
    assert begin("c") == ["SELECT", "SELECT", "WITH"]
    assert begin("d") == ["SELECT", "WITH"]
    assert begin("e", "bee") == ["SELECT"] * 4 + ["WITH"]
    assert begin("f", "bee") == begin("g") == ["SELECT", "WITH"]


def test_runs_that_begin_at_a_time_are_found_and_taken_together(
    beginning: Beginning,
    database: Database,
    statements: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = beginning.admit(find(beginning, accept(database, "x"))).plan
    assert plan is not None
    find(beginning, accept(database, "y", "bee"))
    names = [accept(database, f"r{it}", "ant" if it % 2 else "bee") for it in range(6)]
    begun, go_on, sizes = Event(), Event(), list[int]()

    def hold(name: str) -> Any:
        """Have one step of the beginning held until it is let go; return its part that gathers."""
        gathered: Any = getattr(beginning, name)
        real = gathered._together

        def do(ids: Sequence[str]) -> Any:
            sizes.append(len(ids))
            begun.set()
            assert go_on.wait(PATIENCE)
            return real(ids)

        monkeypatch.setattr(gathered, "_together", do)
        return gathered

    def together(gathered: Any, call: Callable[[Any], T], given: Sequence[Any]) -> list[T]:
        for each in (begun, go_on):
            each.clear()
        sizes.clear()
        with ThreadPoolExecutor(len(given)) as threads:
            asked = [threads.submit(call, given[0])]
            assert begun.wait(PATIENCE)
            asked += [threads.submit(call, it) for it in given[1:]]
            while len(gathered._waiting) < len(given) - 1:
                pass
            statements.clear()
            go_on.set()
            return [it.result(PATIENCE) for it in asked]

    found = together(hold("_finding"), beginning.find, [*names, "nobody"])
    assert (sizes, len(statements)) == ([1, 6], 2)
    assert found.pop() is None
    there = [it for it in found if it is not None]
    assert [it.ticket.run_id for it in there] == names
    assert [it.stands and it.stands.tenant for it in there] == ["bee", "ant"] * 3

    def take_one(it: Found) -> None:
        beginning.take(it.ticket, plan)

    together(hold("_taking"), take_one, there)
    assert (sizes, len(statements)) == ([1, 5], 2)
    assert [it.ticket.epoch for it in there] == [1] * 6
    assert [epoch(database, it) for it in names] == [1] * 6


def test_what_is_decided_holds_for_the_very_next_run(
    beginning: Beginning, database: Database
) -> None:
    accept(database, "r")
    accept(database, "of-bee", "bee")
    assert beginning.admit(find(beginning, "r")).valid
    with database.writing() as work:
        switches.stop(work, ADMIN, SwitchKind.WORKFLOW, "w", "it is wrong", tenant="ant")
    stopped = beginning.admit(find(beginning, "r"))
    assert (stopped.plan, [it.rule for it in stopped.problems]) == (None, ["stopped"])
    assert beginning.admit(find(beginning, "of-bee")).valid
    with database.writing() as work:
        switches.lift(work, ADMIN, SwitchKind.WORKFLOW, "w", tenant="ant")
        policies.put(work, ADMIN, "ant", "{stages: [call]}")
    refused = beginning.admit(find(beginning, "r"))
    assert (refused.rules.version, refused.plan) == (2, None)
    with database.writing() as work:
        policies.pin(work, ADMIN, "ant", 1)
    assert beginning.admit(find(beginning, "r")).valid
    with database.writing() as work:
        tenants.disable(work, ADMIN, "ant", "mines coins")
    told = beginning.admit(find(beginning, "r")).problems
    assert [it.message for it in told] == ["the tenant 'ant' is stopped: mines coins"]


def test_the_name_under_which_it_is_stored_is_stopped_too(
    beginning: Beginning, database: Database
) -> None:
    accept(database, "r", workflow="nightly", version=1)
    accept(database, "other", workflow="nightly")
    with database.writing() as work:
        switches.stop(work, ADMIN, SwitchKind.WORKFLOW, "nightly", "x")
    assert not beginning.admit(find(beginning, "r")).valid
    assert beginning.admit(find(beginning, "other")).valid


def test_a_run_of_whose_tenant_nothing_is_known_fails_alone(
    beginning: Beginning, database: Database
) -> None:
    for name, tenant in (("r", "ant"), ("of-cat", "cat"), ("of-nobody", "nobody")):
        accept(database, name, tenant)
    with pytest.raises(NotFoundError):
        beginning.find("of-nobody")
    assert find(beginning, "r").stands is not None
    with pytest.raises(ConflictError, match="has no policy yet"):
        beginning.admit(find(beginning, "of-cat"))


def test_one_that_has_ended_or_was_deleted_is_not_asked_for(
    beginning: Beginning, database: Database, statements: list[str]
) -> None:
    accept(database, "r", status=Status.CANCEL.value)
    statements.clear()
    found = find(beginning, "r")
    assert (found.ticket.ended, found.stands, len(statements)) == (True, None, 1)
    assert beginning.find("nobody") is None
    with pytest.raises(ValueError, match="has ended"):
        beginning.admit(found)


@pytest.mark.parametrize("params", [{}, {"n": "three"}, {"m": 1}])
def test_a_run_whose_params_are_not_those_it_runs_with_is_taken_when_it_opens(
    beginning: Beginning, database: Database, params: dict[str, Any]
) -> None:
    accept(database, "r", params=json.dumps(params))
    ticket = take(beginning, "r").ticket
    assert (ticket.epoch, epoch(database, "r")) == (0, 0)
    plan = beginning.admit(find(beginning, "r")).plan
    assert plan is not None
    journal, past = ticket.open(plan, {}, {"n": 3})
    journal.close()
    assert (ticket.epoch, past, epoch(database, "r")) == (1, None, 1)


def test_one_that_another_has_taken_meanwhile_is_taken_up_as_it_stands(
    beginning: Beginning, database: Database, store: Store
) -> None:
    found = find(beginning, accept(database, "r"))
    plan = beginning.admit(found).plan
    assert plan is not None
    store.take("r")[0].close()
    beginning.take(found.ticket, plan)
    assert (found.ticket.epoch, epoch(database, "r")) == (0, 1)
    journal, _ = found.ticket.open(plan, {}, {"n": 3})
    journal.close()
    assert (found.ticket.epoch, epoch(database, "r")) == (2, 2)
    late = find(beginning, "r")
    assert not late.ticket.fresh
    beginning.take(late.ticket, plan)
    assert (late.ticket.epoch, epoch(database, "r")) == (0, 2)


def test_a_run_whose_worker_dies_when_it_has_taken_it_begins_elsewhere(
    beginning: Beginning, database: Database
) -> None:
    dead = take(beginning, accept(database, "r")).ticket
    heir = take(beginning, "r").ticket
    assert (dead.epoch, heir.epoch, heir.fresh) == (1, 0, False)
    plan = beginning.admit(find(beginning, "r")).plan
    assert plan is not None
    journal, past = heir.open(plan, {}, {"n": 3})
    journal.close()
    assert (heir.epoch, past) == (2, None)


def test_a_commit_that_was_done_and_not_answered_takes_nothing_twice(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is then taken up as it stands."""
    real, tries = Store.begin, list[int]()

    def broken(self: Store, ids: Sequence[str]) -> set[str]:
        real(self, ids)
        tries.append(len(ids))
        raise StoreError("the journal cannot be used: the connection was lost")

    monkeypatch.setattr(Store, "begin", broken)
    run_id = here.submit("name: w\nstages: [{id: a, echo: x}]\n")
    found = here.reach(run_id)
    assert (found.row.status, epoch(here.database, run_id)) == (Status.SUCCESS, 2)
    kinds = [it.kind for it in here.events(run_id)]
    assert (kinds.count("run-started"), kinds.count("run-finished")) == (1, 1)
    assert tries == [1]


def test_many_runs_at_once_are_taken_once_each(here: Place) -> None:
    names: list[str] = []

    def submit() -> None:
        for _ in range(10):
            names.append(here.submit("name: w\nstages: [{id: a, echo: x}]\n"))

    threads = [Thread(target=submit) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for run_id in names:
        assert here.reach(run_id).row.status is Status.SUCCESS
        assert epoch(here.database, run_id) == 1
        ends = [it.kind for it in here.events(run_id) if it.kind == "run-finished"]
        assert len(ends) == 1


@pytest.mark.parametrize("begun", [0, 1])
def test_one_that_another_has_ended_meanwhile_is_not_begun_anew(
    beginning: Beginning, database: Database, store: Store, begun: int
) -> None:
    accept(database, "r", epoch=begun)
    found = find(beginning, "r")
    ended = {"status": Status.SUCCESS.value, "epoch": begun + 1, "settled": 1, "result": "{}"}
    with database.writing() as work:
        work.change(sa.update(RUNS).where(RUNS.c.id == "r").values(**ended))
    plan = beginning.admit(found).plan
    assert plan is not None
    beginning.take(found.ticket, plan)
    with pytest.raises(StoreError, match="the run r has ended"):
        found.ticket.open(plan, DOCUMENT, {"n": 3})
    with database.reading() as work:
        row: Any = work.connection.execute(sa.select(RUNS).where(RUNS.c.id == "r")).one()
    assert {name: getattr(row, name) for name in ended} == ended
    with pytest.raises(StoreError, match="has no run s"):
        store.take("s", ended=False)
