"""Who may do what, and to whose things: every function, every role, another tenant's ids, and every listing."""

import ast
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from blockyard_platform.service.registry import (
    access,
    policies,
    schedules,
    sealed,
    submissions,
    switches,
    tenants,
    tokens,
    trail,
    usage,
    workflows,
)
from blockyard_platform.service.registry.access import ALL, ALLOWED, Action, Caller, Role
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import (
    DisabledError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from blockyard_platform.service.registry.paging import Ask, Page
from blockyard_platform.service.registry.schedules import Timing
from blockyard_platform.service.registry.switches import SwitchKind
from blockyard_platform.service.registry.usage import Quota
from blockyard_platform.store.errors import StoreError
from blockyard_platform.store.tables import METADATA

from .conftest import ADMIN, DOCUMENT, SERVICE, START, Clock, by

MODULES = (
    tenants,
    policies,
    workflows,
    tokens,
    switches,
    sealed,
    submissions,
    schedules,
    usage,
    trail,
)
ROLES = {"A": "admin", "O": "operator", "W": "author", "V": "viewer", "S": "service"}
"""The letters of the table below; W is who writes."""

DIGEST = "d" * 64
TIMING = Timing("report", "0 7 * * *", next_at=START)
BLOCK, WORKFLOW, TENANT = SwitchKind.BLOCK, SwitchKind.WORKFLOW, SwitchKind.TENANT

Ids = dict[str, str]
Do = Callable[[Any, Caller, str, Ids], Any]

CALLS: dict[str, tuple[str, str, Do]] = {
    # function: (a tenant's own people who may, the platform's who may, the call with a tenant and the ids of its tokens)
    "tenants.create": ("", "A", lambda w, c, t, i: tenants.create(w, c, f"new-{t}")),
    "tenants.read": ("AOWVS", "AOWVS", lambda w, c, t, i: tenants.read(w, c, t)),
    "tenants.rename": ("", "A", lambda w, c, t, i: tenants.rename(w, c, t, "x")),
    "tenants.disable": ("", "A", lambda w, c, t, i: tenants.disable(w, c, t, "x")),
    "tenants.enable": ("", "A", lambda w, c, t, i: _enabled(w, c, t)),
    "policies.put": ("", "A", lambda w, c, t, i: policies.put(w, c, t, "{}")),
    "policies.read": ("AOWVS", "AOWVS", lambda w, c, t, i: policies.read(w, c, t, 1)),
    "policies.current": ("AOWVS", "AOWVS", lambda w, c, t, i: policies.current(w, c, t)),
    "policies.page": ("AOWVS", "AOWVS", lambda w, c, t, i: policies.page(w, c, t)),
    "policies.pin": ("", "A", lambda w, c, t, i: policies.pin(w, c, t, 1)),
    "workflows.put": ("AW", "AW", lambda w, c, t, i: workflows.put(w, c, t, "n", DOCUMENT)),
    "workflows.read": ("AOWVS", "AOWVS", lambda w, c, t, i: workflows.read(w, c, t, "report")),
    "workflows.page": ("AOWVS", "AOWVS", lambda w, c, t, i: workflows.page(w, c, t)),
    "workflows.versions": (
        "AOWVS",
        "AOWVS",
        lambda w, c, t, i: workflows.versions(w, c, t, "report"),
    ),
    "workflows.diff": (
        "AOWVS",
        "AOWVS",
        lambda w, c, t, i: workflows.diff(w, c, t, "report", 1, 1),
    ),
    "tokens.issue": ("A", "A", lambda w, c, t, i: tokens.issue(w, c, t, Role.VIEWER)),
    "tokens.read": ("A", "A", lambda w, c, t, i: tokens.read(w, c, i[t])),
    "tokens.page": ("A", "A", lambda w, c, t, i: tokens.page(w, c, t)),
    "tokens.revoke": ("A", "A", lambda w, c, t, i: tokens.revoke(w, c, i[t])),
    "switches.stop": (
        "AO",
        "AO",
        lambda w, c, t, i: switches.stop(w, c, BLOCK, "b", "r", tenant=t),
    ),
    "switches.lift": (
        "AO",
        "AO",
        lambda w, c, t, i: switches.lift(w, c, WORKFLOW, f"of-{t}", tenant=t, owner=t),
    ),
    "switches.page": ("AOWVS", "AOWVS", lambda w, c, t, i: switches.page(w, c, t)),
    "switches.stops": ("AOWVS", "AOWVS", lambda w, c, t, i: switches.stops(w, c, t, [])),
    "sealed.put": ("A", "A", lambda w, c, t, i: sealed.put(w, c, t, "s", "v", lambda v, p: "x")),
    "sealed.delete": ("A", "A", lambda w, c, t, i: sealed.delete(w, c, t, "key")),
    "sealed.page": ("AW", "AW", lambda w, c, t, i: sealed.page(w, c, t)),
    "sealed.reveal": ("S", "S", lambda w, c, t, i: sealed.reveal(w, c, t, "key", lambda v, p: v)),
    "submissions.claim": (
        "AOWS",
        "AOWS",
        lambda w, c, t, i: submissions.claim(w, c, t, "k", DIGEST, "r"),
    ),
    "schedules.put": ("AOWS", "AOWS", lambda w, c, t, i: schedules.put(w, c, t, "n", TIMING)),
    "schedules.read": ("AOWVS", "AOWVS", lambda w, c, t, i: schedules.read(w, c, t, "daily")),
    "schedules.delete": ("AOWS", "AOWS", lambda w, c, t, i: schedules.delete(w, c, t, "daily")),
    "schedules.page": ("AOWVS", "AOWVS", lambda w, c, t, i: schedules.page(w, c, t)),
    "schedules.advance": (
        "S",
        "S",
        lambda w, c, t, i: schedules.advance(w, c, t, "daily", START, None),
    ),
    "usage.set_quota": ("", "A", lambda w, c, t, i: usage.set_quota(w, c, t, Quota(1))),
    "usage.quota_of": ("AOWVS", "AOWVS", lambda w, c, t, i: usage.quota_of(w, c, t)),
    "usage.today": ("AOWVS", "AOWVS", lambda w, c, t, i: usage.today(w, c, t)),
    "usage.stored": ("AOWVS", "AOWVS", lambda w, c, t, i: usage.stored(w, c, t)),
    "usage.page": ("AOWVS", "AOWVS", lambda w, c, t, i: usage.page(w, c, t)),
    "usage.take_runs": ("AOWS", "AOWS", lambda w, c, t, i: usage.take_runs(w, c, t)),
    "usage.add_seconds": ("S", "S", lambda w, c, t, i: usage.add_seconds(w, c, t, 1.0)),
    "usage.store_bytes": ("S", "S", lambda w, c, t, i: usage.store_bytes(w, c, t, 1)),
    "trail.page": ("A", "A", lambda w, c, t, i: trail.page(w, c, t)),
    "trail.lines": ("A", "A", lambda w, c, t, i: list(trail.lines(w, c, t))),
}

ACROSS: dict[str, tuple[str, str, Callable[[Any, Caller], Any]]] = {
    # functions that name no tenant
    "tenants.page": ("AOWVS", "AOWVS", lambda w, c: tenants.page(w, c)),
    "tokens.first": ("", "S", lambda w, c: tokens.first(w, c)),
    "submissions.purge": ("S", "S", lambda w, c: submissions.purge(w, c, START)),
    "schedules.due": ("S", "S", lambda w, c: schedules.due(w, c)),
    "trail.head": ("", "A", lambda w, c: trail.head(w, c)),
}

LISTINGS: dict[str, Callable[[Any, Caller, str | None, Ask], Page[Any]]] = {
    "tenants.page": lambda w, c, t, a: tenants.page(w, c, a),
    "policies.page": lambda w, c, t, a: policies.page(w, c, t or c.tenant or "ant", a),
    "workflows.page": lambda w, c, t, a: workflows.page(w, c, t or c.tenant or "ant", a),
    "workflows.versions": lambda w, c, t, a: workflows.versions(
        w, c, t or c.tenant or "ant", "report", a
    ),
    "tokens.page": tokens.page,
    "switches.page": switches.page,
    "sealed.page": lambda w, c, t, a: sealed.page(w, c, t or c.tenant or "ant", a),
    "schedules.page": schedules.page,
    "usage.page": usage.page,
    "trail.page": trail.page,
}


def _enabled(work: Any, caller: Caller, tenant: str) -> Any:
    if caller == ADMIN and tenant in ("ant", "bee"):
        tenants.disable(work, caller, tenant, "x")
    return tenants.enable(work, caller, tenant)


@pytest.fixture
def ids(database: Database) -> Ids:
    """Fill the tenants with one of everything; return the ids of their tokens, and one that is nobody's."""
    found = {"nobody": "0" * 16}
    with database.writing() as work:
        for name in ("ant", "bee"):
            own = by("admin", name)
            workflows.put(work, own, name, "report", DOCUMENT + "title: again\n")
            for number in range(3):
                workflows.put(work, own, name, f"w{number}", DOCUMENT)
                found[name] = tokens.issue(work, ADMIN, name, Role.VIEWER).token.id
                schedules.put(work, own, name, f"s{number}", TIMING)
                switches.stop(work, own, BLOCK, f"mine.{number}", "loops")
            sealed.put(work, own, name, "key", f"secret of {name}", lambda value, _: value)
            sealed.put(work, own, name, "other", f"secret of {name}", lambda value, _: value)
            schedules.put(work, own, name, "daily", TIMING)
            switches.stop(work, own, WORKFLOW, f"of-{name}", "loops")
            submissions.claim(work, own, name, "given", DIGEST, f"run-{name}")
            usage.take_runs(work, own, name, 3)
            usage.store_bytes(work, SERVICE, name, 70)
        switches.stop(work, ADMIN, BLOCK, "http.*", "for all")
        tokens.issue(work, ADMIN, None, Role.VIEWER)
    return found


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
    assert set(LISTINGS) == {it for it in found if it.endswith((".page", ".versions"))}


def test_every_module_is_walked() -> None:
    folder = Path(access.__file__).parent
    walked = {Path(module.__file__ or "").stem for module in MODULES}
    base = {"__init__", "access", "audit", "database", "differences", "errors", "names", "paging"}
    assert {it.stem for it in folder.glob("*.py")} == walked | base | {"tables"}


def test_statements_are_made_in_one_place() -> None:
    """A query that does not come from a Scope would reach all tenants."""
    allowed = {
        "access": {"sa.select", "sa.update", "sa.delete", "Scope", "work.insert", "everybody"},
        "audit": {"sa.select", "sa.update", "sa.insert"},
        "tokens": {"everybody"},
        "tenants": {"work.insert"},
        "switches": {"work.insert"},
    }
    watched = {"Scope", "everybody", "work.insert", "sa.text"}
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
        assert by(role, "ant", ALL).actions() == allowed - access.PLATFORM
    assert access.scopes_of(["runs:*", "*"]) == {"runs:*", "*"}
    for wrong in ("run:*", "runs", "", "**", "runs:", "RUNS:*", "runs:read "):
        with pytest.raises(InvalidError):
            access.scopes_of([wrong])


def pages(
    database: Database, name: str, caller: Caller, tenant: str | None, limit: int
) -> Iterator[Page[Any]]:
    """Yield the pages of a listing to its end."""
    ask = Ask(None, limit)
    while True:
        with database.reading() as work:
            found = LISTINGS[name](work, caller, tenant, ask)
        yield found
        if found.next is None:
            return
        ask = Ask(found.next, limit)


def tenant_of(item: Any) -> str | None:
    if isinstance(item, dict):
        return str(item["tenant"])  # pyright: ignore[reportUnknownArgumentType]
    return item.name if isinstance(item, tenants.Tenant) else item.tenant


@pytest.mark.parametrize("name", LISTINGS)
def test_a_listing_has_no_row_of_another_tenant(name: str, database: Database, ids: Ids) -> None:
    for tenant in (None, "ant"):
        whole = [
            it
            for page in pages(database, name, by("admin", "ant"), tenant, 500)
            for it in page.items
        ]
        shared = {None} if name == "switches.page" else set[None]()
        assert set(map(tenant_of, whole)) == {"ant"} | shared
        by_one = [page.items for page in pages(database, name, by("admin", "ant"), tenant, 1)]
        assert [it for items in by_one for it in items] == whole
        assert {len(items) for items in by_one} == {1}
    everybody = [it for page in pages(database, name, ADMIN, None, 2) for it in page.items]
    if name not in ("policies.page", "workflows.page", "workflows.versions", "sealed.page"):
        assert {"ant", "bee"} <= set(map(tenant_of, everybody))


@pytest.mark.parametrize("name", LISTINGS)
def test_a_cursor_of_another_tenant_opens_nothing(name: str, database: Database, ids: Ids) -> None:
    cursors = [it.next for it in pages(database, name, ADMIN, None, 1) if it.next is not None]
    cursors += [it.next for it in pages(database, name, by("admin", "bee"), None, 1) if it.next]
    with database.reading() as work:
        for cursor in cursors:
            found = LISTINGS[name](work, by("admin", "ant"), None, Ask(cursor, 500))
            assert {tenant_of(it) for it in found.items} <= {"ant", None}
            for other in set(LISTINGS) - {name}:
                with pytest.raises(InvalidError, match="no cursor of this listing"):
                    LISTINGS[other](work, by("admin", "ant"), None, Ask(cursor, 500))


def test_the_service_works_for_one_tenant_when_it_is_told_to(
    database: Database, ids: Ids, clock: Clock
) -> None:
    clock.now += 1
    with database.writing() as work:
        assert {it.tenant for it in schedules.due(work, Caller.service("ant"))} == {"ant"}
        assert {it.tenant for it in schedules.due(work, SERVICE)} == {"ant", "bee"}
        assert submissions.purge(work, Caller.service("ant"), clock.now) == 1
        assert submissions.purge(work, SERVICE, clock.now) == 1


@pytest.mark.parametrize("letter", ROLES)
def test_a_disabled_tenant_changes_nothing(letter: str, database: Database, ids: Ids) -> None:
    with database.writing() as work:
        tenants.disable(work, ADMIN, "ant", "mines coins")
    house = {"usage.add_seconds", "usage.store_bytes", "schedules.advance", "sealed.reveal"}
    looks = {"read", "current", "page", "versions", "diff", "stops", "lines"}
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
