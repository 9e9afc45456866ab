"""How tenants stand: many of them by one statement, each with what concerns it alone."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from blockyard_platform.service.registry import policies, standing, switches, tenants
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import (
    DisabledError,
    ForbiddenError,
    NotFoundError,
)
from blockyard_platform.service.registry.switches import SwitchKind

from .conftest import ADMIN, SERVICE, by

BLOCK, TENANT = SwitchKind.BLOCK, SwitchKind.TENANT


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Yield the list of the statements that are executed, on any engine."""
    found: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield found
    event.remove(Engine, "before_cursor_execute", note)


def versions(database: Database, *names: str) -> dict[str, int | None]:
    with database.reading() as work:
        found = standing.read(work, SERVICE, names)
    return {name: each.version for name, each in found.items()}


def test_the_policy_in_force_of_many_is_asked_at_once(
    database: Database, statements: list[str]
) -> None:
    with database.writing() as work:
        tenants.create(work, ADMIN, "cat")
        policies.put(work, ADMIN, "ant", "{steps: 6}")
    statements.clear()
    assert versions(database, "cat", "bee", "ant", "bee") == {"ant": 2, "bee": 1, "cat": None}
    assert len(statements) == 1
    assert versions(database) == {}
    assert len(statements) == 1
    for pin, found in ((1, 1), (2, 2), (None, 3)):
        with database.writing() as work:
            if pin is None:
                policies.put(work, ADMIN, "ant", "{steps: 7}")
            policies.pin(work, ADMIN, "ant", pin)
        assert versions(database, "ant", "bee") == {"ant": found, "bee": 1}
        with database.reading() as work:
            assert policies.in_force(work, SERVICE, "ant") == found


def test_each_has_the_switches_that_concern_it(database: Database) -> None:
    uses = [(BLOCK, "http.get"), (BLOCK, "text.upper"), (BLOCK, "a")]
    with database.writing() as work:
        own = switches.stop(work, by("operator", "ant"), BLOCK, "http.get", "ours")
        for_bee = switches.stop(work, ADMIN, BLOCK, "text.upper", "theirs", tenant="bee")
        for_all = switches.stop(work, ADMIN, BLOCK, "http.*", "everybody's")
        found = standing.read(work, SERVICE, ["ant", "bee"])
        assert found["ant"].switches.against(uses) == (for_all, own)
        assert found["bee"].switches.against(uses) == (for_all, for_bee)
        assert found["bee"].switches.against([(BLOCK, "a")]) == ()
        for tenant, stands in found.items():
            assert stands.switches.against(uses) == switches.stops(work, SERVICE, tenant, uses)
        stopped = switches.stop(work, ADMIN, TENANT, "bee", "mines coins", tenant="bee")
        again = standing.read(work, SERVICE, ["ant", "bee"])
        assert again["ant"] == found["ant"]
        assert again["bee"].switches.against(uses) == (stopped, for_all, for_bee)


def test_a_disabled_tenant_is_looked_at_and_begins_nothing(database: Database) -> None:
    with database.writing() as work:
        tenants.disable(work, ADMIN, "ant", "mines coins")
        read = standing.read(work, SERVICE, ["ant", "bee"], Action.RUNS_READ)
        assert [it.reason for it in read["ant"].switches.against([])] == ["mines coins"]
        assert read["bee"].switches.against([]) == ()
        with pytest.raises(DisabledError, match="mines coins"):
            standing.read(work, SERVICE, ["ant", "bee"], Action.RUNS_SUBMIT)
        assert work.entered == {"ant": "mines coins", "bee": None}


@pytest.mark.parametrize("nobody", ["nobody", "", "A", "a\x00", "\ud800"])
def test_one_that_is_not_there_is_told(nobody: str, database: Database) -> None:
    with database.reading() as work, pytest.raises(NotFoundError):
        standing.read(work, SERVICE, ["ant", nobody])


def test_nothing_is_read_for_who_may_not(database: Database, statements: list[str]) -> None:
    statements.clear()
    with database.reading() as work:
        with pytest.raises(NotFoundError):
            standing.read(work, by("admin", "ant"), ["ant", "bee"])
        with pytest.raises(ForbiddenError):
            standing.read(work, by("viewer", "ant"), ["ant"], Action.RUNS_SUBMIT)
        assert statements == []
        mine = Caller.service("ant")
        assert list(standing.read(work, mine, ["ant"], Action.RUNS_SUBMIT)) == ["ant"]
