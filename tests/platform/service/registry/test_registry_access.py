"""Who may do what, and to whose things: every function, every role, and another tenant's ids."""

import ast
import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from blockyard_platform.service.registry import (
    access,
    schedules,
    standing,
    submissions,
    tenants,
    usage,
)
from blockyard_platform.service.registry.callers import (
    ALL,
    ALLOWED,
    PLATFORM,
    Action,
    Caller,
    Role,
    scopes_of,
)
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import (
    DisabledError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from blockyard_platform.store.errors import StoreError
from blockyard_platform.store.tables import METADATA

from .conftest import ADMIN, SERVICE, Clock, Ids, by
from .every_call import ACROSS, CALLS, LISTINGS, MODULES, ROLES


def outcome(database: Database, call: Callable[..., Any], *given: Any) -> Any:
    """Return what a call says, undone: the error with its words, or ``done``."""
    try:
        with database.writing() as work:
            call(work, *given)
            raise Undo
    except Undo:
        return "done"
    except StoreError as error:
        return type(error), str(error), error.problems


class Undo(Exception):
    """Undoes what was done."""


def everything(database: Database) -> dict[str, list[Any]]:
    """Return all rows of all tables."""
    with database.reading() as work:
        return {
            name: sorted(map(repr, work.connection.execute(sa.select(table))))
            for name, table in METADATA.tables.items()
        }


def test_every_function_is_in_the_table() -> None:
    found: set[str] = set()
    for module in MODULES:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_"):
                found.add(f"{module.__name__.rpartition('.')[2]}.{name}")
                if name not in ("authenticate", "digest_of"):
                    assert list(inspect.signature(function).parameters)[:2] == ["work", "caller"]
    assert found - {"tokens.authenticate", "workflows.digest_of"} == set(CALLS) | set(ACROSS)
    assert set(LISTINGS) == {it for it in found if it.endswith((".page", ".versions", ".texts"))}


def test_every_module_is_walked() -> None:
    folder = Path(access.__file__).parent
    walked = {Path(module.__file__ or "").stem for module in MODULES}
    base = {
        "__init__",
        "access",
        "audit",
        "callers",
        "database",
        "differences",
        "errors",
        "kinds",
        "names",
        "paging",
    }
    assert {it.stem for it in folder.glob("*.py")} == walked | base | {"tables"}


def test_statements_are_made_in_one_place() -> None:
    """A query that does not come from a Scope would reach all tenants."""
    allowed = {
        "access": {"sa.select", "sa.update", "sa.delete", "Scope", "work.insert", "everybody"},
        "audit": {"sa.select", "sa.update", "sa.insert"},
        "database": {"inserting"},
        "tokens": {"everybody"},
        "tenants": {"work.insert"},
        "usage": {"inserting"},
        "switches": {"work.insert"},
    }
    watched = {"Scope", "everybody", "work.insert", "inserting", "sa.text"}
    watched |= {f"sa.{each}" for each in ("select", "update", "delete", "insert")}
    for file in Path(access.__file__).parent.glob("*.py"):
        calls = {
            ast.unparse(node.func)
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Call)
        }
        assert calls & watched <= allowed.get(file.stem, set()), file.name


@pytest.mark.parametrize("letter", ROLES)
def test_another_tenants_things_are_as_if_they_were_not_there(
    letter: str, database: Database, ids: Ids
) -> None:
    caller = by(ROLES[letter], "ant")
    before = everything(database)
    for name, (may, _, call) in CALLS.items():
        told = {
            tenant: outcome(database, call, caller, tenant, ids)
            for tenant in ("ant", "bee", "nobody")
        }
        if letter in may:
            assert told["ant"] == "done", (name, told["ant"])
            assert told["bee"][0] is NotFoundError, (name, told["bee"])
        else:
            assert told["ant"][0] is ForbiddenError, (name, told["ant"])
            assert told["ant"] == told["bee"], name
        text = repr(told["bee"]).replace(ids["bee"], "0" * 16)
        assert text.replace("bee", "nobody") == repr(told["nobody"]), name
    assert everything(database) == before


@pytest.mark.parametrize("letter", ROLES)
def test_the_platforms_people_reach_every_tenant(letter: str, database: Database, ids: Ids) -> None:
    caller = by(ROLES[letter])
    for name, (_, may, call) in CALLS.items():
        for tenant in ("ant", "bee", "nobody"):
            told = outcome(database, call, caller, tenant, ids)
            if letter not in may:
                assert told[0] is ForbiddenError, (name, told)
            elif tenant == "nobody" and name != "tenants.create":
                assert told[0] is NotFoundError, (name, told)
            elif name == "tenants.enable" and caller != ADMIN:
                assert told[0] is NotFoundError
            else:
                assert told == "done", (name, tenant, told)


@pytest.mark.parametrize("letter", ROLES)
def test_what_names_no_tenant_is_for_those_who_may(
    letter: str, database: Database, ids: Ids
) -> None:
    for name, (own, all_, call) in ACROSS.items():
        for caller, may in ((by(ROLES[letter], "ant"), own), (by(ROLES[letter]), all_)):
            told = outcome(database, call, caller)
            assert (told == "done") == (letter in may), (name, caller, told)
            assert told == "done" or told[0] is ForbiddenError


@pytest.mark.parametrize("tenant", ["ant", None])
def test_without_its_scope_nothing_is_done(
    tenant: str | None, database: Database, ids: Ids
) -> None:
    for letter, role in ROLES.items():
        nothing = Caller(tenant, Role(role), frozenset())
        assert nothing.actions() == frozenset()
        for name, (_, _, call) in CALLS.items():
            told = outcome(database, call, nothing, "ant", ids)
            assert told[0] is ForbiddenError, (letter, name)
        for name, (_, _, across) in ACROSS.items():
            told = outcome(database, across, nothing)
            assert told[0] is ForbiddenError, (letter, name)


def test_a_scope_allows_its_action_alone() -> None:
    for role, allowed in ALLOWED.items():
        for action in Action:
            mine = allowed & {action}
            assert by(role, None, action.value).actions() == mine
            area = action.partition(":")[0]
            expected = {each for each in allowed if each.startswith(f"{area}:")}
            assert by(role, None, f"{area}:*").actions() == expected
        assert by(role, None, ALL).actions() == allowed
        assert by(role, "ant", ALL).actions() == allowed - PLATFORM
    assert scopes_of(["runs:*", "*"]) == {"runs:*", "*"}
    for wrong in ("run:*", "runs", "", "**", "runs:", "RUNS:*", "runs:read "):
        with pytest.raises(InvalidError):
            scopes_of([wrong])


def test_the_service_works_for_one_tenant_when_it_is_told_to(
    database: Database, ids: Ids, clock: Clock
) -> None:
    clock.now += 1
    with database.writing() as work:
        assert {it.tenant for it in schedules.due(work, Caller.service("ant"))} == {"ant"}
        assert {it.tenant for it in schedules.due(work, SERVICE)} == {"ant", "bee"}
        assert submissions.purge(work, Caller.service("ant"), clock.now) == 1
        assert submissions.purge(work, SERVICE, clock.now) == 1


def test_all_that_changes_how_a_tenant_stands_is_noted(database: Database, ids: Ids) -> None:
    """Who keeps how it stands goes by the registry's revision alone."""

    def standing_now() -> Any:
        with database.reading() as work:
            return standing.read(work, SERVICE, ["ant", "bee"])

    def without(found: Any) -> Any:
        return {name: replace(it, revision=None) for name, it in found.items()}

    changing: set[str] = set()
    for name, (_, may, call) in CALLS.items():
        before = standing_now()
        # What one before has deleted is not there any more, and a quota that was set is used up.
        with suppress(StoreError), database.writing() as work:
            call(work, ADMIN if "A" in may else SERVICE, "ant", ids)
        after = standing_now()
        told = [{it.revision for it in found.values()} for found in (before, after)]
        assert [len(it) for it in told] == [1, 1]
        if without(before) != without(after):
            changing.add(name)
            assert told[0] != told[1], name
    assert changing == {
        "policies.put",
        "policies.pin",
        "switches.stop",
        "switches.lift",
        "tenants.disable",
        "tenants.enable",
    }


@pytest.mark.parametrize("letter", ROLES)
def test_a_disabled_tenant_changes_nothing(letter: str, database: Database, ids: Ids) -> None:
    with database.writing() as work:
        tenants.disable(work, ADMIN, "ant", "mines coins")
    house = {
        "usage.add_seconds",
        "usage.store_bytes",
        "usage.keep_bytes",
        "schedules.advance",
        "sealed.names",
        "sealed.reveal",
        "keys.lock",
        "keys.read",
        "keys.names",
        "keys.size",
        "keys.add",
        "keys.remove",
        "keys.sweep",
    }
    looks = {"read", "current", "in_force", "page", "versions", "texts", "diff", "stops", "lines"}
    for name, (may, _, call) in CALLS.items():
        if letter in may:
            caller = by(ROLES[letter], "ant")
            told = outcome(database, call, caller, "ant", ids)
            reads = name.partition(".")[2] in looks or name.startswith("usage.")
            if name in house or (reads and name not in ("usage.take_runs",)):
                assert told == "done", name
            else:
                assert told[:2] == (DisabledError, "the tenant 'ant' is disabled: mines coins"), (
                    name
                )
    told = outcome(database, usage.take_runs, ADMIN, "ant")
    assert told[0] is DisabledError
