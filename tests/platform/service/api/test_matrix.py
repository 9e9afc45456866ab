"""Every route, with every role, without a token, with one that holds no more, with another tenant's ids, and of a disabled tenant."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from blockyard_platform.service.api.routing import Gate, Guarded, check_routes
from blockyard_platform.service.registry import tokens
from blockyard_platform.service.registry.callers import ALLOWED, PLATFORM, Action, Role
from blockyard_platform.service.registry.database import Database

from ..registry.conftest import ADMIN, DOCUMENT, START, Clock
from .conftest import ROLES, YAML, Patient, disable, problem

Ids = dict[str, str]
Token = Callable[..., dict[str, str]]


@dataclass(frozen=True)
class Case:
    """How a route is called, for a tenant and with the ids of tokens; who may, of its own people and of the platform's."""

    own: str
    platform: str
    path: str
    ok: int = 200
    json: Callable[[str], Any] | None = None
    text: str | None = None
    query: dict[str, str] = field(default_factory=dict[str, str])
    across: bool = False
    """Whether it names no tenant: then there is nothing of another's to name."""

    def call(self, tenant: str, ids: Ids) -> dict[str, Any]:
        path = self.path.replace("TENANT", tenant).replace("TOKEN", ids[tenant])
        for which in RUNS:
            path = path.replace(which, ids.get(f"{which} {tenant}", ids["nobody"]))
        query = {key: value.replace("TENANT", tenant) for key, value in self.query.items()}
        found: dict[str, Any] = {"url": path, "params": query or None}
        if self.json is not None:
            found["json"] = self.json(tenant)
        if self.text is not None:
            found |= {"content": self.text, "headers": YAML}
        return found


T = "/api/v1/tenants/TENANT"
RUNS = ("QUEUED", "ENDED", "AGAIN", "ASKS", "DEAD")
"""Of each tenant: a run that waits for a slot, one that is deleted, one that is done again, one that asks; and a delivery that is dead."""
TOLD = {"url": "https://example.com/x", "events": ["run.failed"], "secret": "key"}
TIMING = {"workflow": "report", "cron": "0 6 * * *"}
EVERYBODY, WRITERS = "AOWV", "AW"

CASES: dict[str, Case] = {
    "get_me": Case("AOWV", "AOWV", "/api/v1/me", across=True),
    "create_tenant": Case(
        "", "A", "/api/v1/tenants", 201, lambda it: {"name": f"new-{it}"}, across=True
    ),
    "list_tenants": Case("AOWV", "AOWV", "/api/v1/tenants", across=True),
    "get_tenant": Case("AOWV", "AOWV", T),
    "rename_tenant": Case("", "A", T, json=lambda it: {"display": "x"}),
    "get_quota": Case("AOWV", "AOWV", f"{T}/quota"),
    "put_quota": Case(
        "",
        "A",
        f"{T}/quota",
        json=lambda it: {"runs": 99, "cpu_seconds": 99.5, "stored_bytes": 2**30},
    ),
    "get_usage_today": Case("AOWV", "AOWV", f"{T}/usage/today"),
    "list_usage": Case("AOWV", "AOWV", "/api/v1/usage", query={"tenant": "TENANT"}),
    "put_policy": Case("", "A", f"{T}/policies", 201, text="{steps: 7}"),
    "list_policies": Case("AOWV", "AOWV", f"{T}/policies"),
    "evaluate_policy": Case("", "A", f"{T}/policies/evaluate", text="{steps: 7}"),
    "get_policy": Case("AOWV", "AOWV", f"{T}/policies/1"),
    "diff_policies": Case("AOWV", "AOWV", f"{T}/policies/1/diff", query={"to": "2"}),
    "get_policy_in_force": Case("AOWV", "AOWV", f"{T}/policy"),
    "pin_policy": Case("", "A", f"{T}/policy/pin", json=lambda it: {"version": 1}),
    "validate_document": Case("AOWV", "AOWV", f"{T}/validate", text=DOCUMENT),
    "plan_document": Case("AOWV", "AOWV", f"{T}/plan", text=DOCUMENT),
    "list_catalog": Case("AOWV", "AOWV", f"{T}/catalog"),
    "get_schema": Case("AOWV", "AOWV", f"{T}/schema"),
    "create_token": Case(
        "A", "A", "/api/v1/tokens", 201, lambda it: {"tenant": it, "role": "viewer"}
    ),
    "list_tokens": Case("A", "A", "/api/v1/tokens", query={"tenant": "TENANT"}),
    "get_token": Case("A", "A", "/api/v1/tokens/TOKEN"),
    "revoke_token": Case("A", "A", "/api/v1/tokens/TOKEN"),
    "put_workflow": Case("AW", "AW", f"{T}/workflows/new", 201, text=DOCUMENT),
    "list_workflows": Case("AOWV", "AOWV", f"{T}/workflows"),
    "get_workflow": Case("AOWV", "AOWV", f"{T}/workflows/report"),
    "list_workflow_versions": Case("AOWV", "AOWV", f"{T}/workflows/report/versions"),
    "get_workflow_version": Case("AOWV", "AOWV", f"{T}/workflows/report/versions/1"),
    "diff_workflows": Case(
        "AOWV", "AOWV", f"{T}/workflows/report/versions/1/diff", query={"to": "2"}
    ),
    "submit_run": Case("AOW", "AOW", f"{T}/runs", 201, lambda it: {"workflow": "report"}),
    "list_runs": Case("AOWV", "AOWV", "/api/v1/runs", query={"tenant": "TENANT"}),
    "get_run": Case("AOWV", "AOWV", f"{T}/runs/QUEUED"),
    "get_run_document": Case("AOWV", "AOWV", f"{T}/runs/ENDED/document"),
    "list_stages": Case("AOWV", "AOWV", f"{T}/runs/ENDED/stages"),
    "list_events": Case("AOWV", "AOWV", f"{T}/runs/ENDED/events"),
    "stream_events": Case("AOWV", "AOWV", f"{T}/runs/ENDED/events/stream"),
    "answer_run": Case(
        "AOW",
        "AOW",
        f"{T}/runs/ASKS/answers",
        json=lambda it: {"path": "ask", "approved": True},
    ),
    "cancel_run": Case("AOW", "AOW", f"{T}/runs/QUEUED/cancel", json=lambda it: {}),
    "resume_run": Case("AOW", "AOW", f"{T}/runs/AGAIN/resume", json=lambda it: {}),
    "delete_run": Case("AOW", "AOW", f"{T}/runs/ENDED", 204),
    "list_schedules": Case("AOWV", "AOWV", "/api/v1/schedules", query={"tenant": "TENANT"}),
    "put_schedule": Case("AOW", "AOW", f"{T}/schedules/new", json=lambda it: TIMING),
    "get_schedule": Case("AOWV", "AOWV", f"{T}/schedules/daily"),
    "list_next_times": Case("AOWV", "AOWV", f"{T}/schedules/daily/next"),
    "delete_schedule": Case("AOW", "AOW", f"{T}/schedules/daily", 204),
    "list_subscriptions": Case("AOWV", "AOWV", "/api/v1/subscriptions", query={"tenant": "TENANT"}),
    "put_subscription": Case("AW", "AW", f"{T}/subscriptions/new", json=lambda it: TOLD),
    "list_deliveries": Case("AOWV", "AOWV", "/api/v1/deliveries", query={"tenant": "TENANT"}),
    "send_again": Case("AW", "AW", f"{T}/deliveries/DEAD/again", 204),
    "delete_subscription": Case("AW", "AW", f"{T}/subscriptions/told", 204),
    "list_orders": Case("AOWV", "AOWV", "/api/v1/orders", query={"tenant": "TENANT"}),
    "list_secrets": Case("AW", "AW", f"{T}/secrets"),
    "put_secret": Case("A", "A", f"{T}/secrets/new", json=lambda it: {"value": "hush"}),
    "delete_secret": Case("A", "A", f"{T}/secrets/key", 204),
    "list_switches": Case("AOWV", "AOWV", "/api/v1/switches", query={"tenant": "TENANT"}),
    "stop_something": Case(
        "AO",
        "AO",
        "/api/v1/switches",
        json=lambda it: {"kind": "block", "name": "a.b", "reason": "x", "tenant": it},
    ),
    "lift_switch": Case(
        "AO",
        "AO",
        "/api/v1/switches/lift",
        204,
        json=lambda it: {"kind": "workflow", "name": "mine", "tenant": it, "owner": it},
    ),
    "list_audit": Case("A", "A", "/api/v1/audit", query={"tenant": "TENANT"}),
    "verify_audit": Case("", "A", "/api/v1/audit/verify", across=True),
    "get_audit_head": Case("", "A", "/api/v1/audit/head", across=True),
    "export_audit": Case("A", "A", "/api/v1/audit/export", query={"tenant": "TENANT"}),
    "get_metrics": Case("", "AOWV", "/metrics", across=True),
}
"""Every route but those that ask nobody who they are."""

OPEN = {"get_live", "get_ready", "get_openapi", "get_metrics", "deliver_hook"}

FORMS = {
    "nothing": None,
    "no scheme": "by_0000000000000000_" + "0" * 64,
    "another scheme": "Basic YWRtaW46YWRtaW4=",
    "empty": "Bearer ",
    "of the form": f"Bearer by_{'0' * 16}_{'0' * 64}",
    "not of the form": "Bearer x",
    "long": "Bearer " + "x" * 5_000,
    "two words": "Bearer a b",
}


@pytest.fixture
def routes(app: FastAPI) -> dict[str, Guarded]:
    return {each.name: each for each in check_routes(app.routes)}


async def ask(
    client: httpx.AsyncClient, route: Guarded, call: dict[str, Any], headers: Any = None
) -> httpx.Response:
    merged: dict[str, Any] = {**call, "headers": {**call.get("headers", {}), **(headers or {})}}
    return await client.request(min(route.methods), **merged)


def test_every_route_is_in_the_table(routes: dict[str, Guarded]) -> None:
    assert set(routes) == set(CASES) | OPEN
    assert {name for name, it in routes.items() if it.needs is Gate.OPEN} == OPEN


def test_the_table_is_that_of_the_registry(routes: dict[str, Guarded]) -> None:
    """Beyond the table of actions, only what concerns all tenants as a whole is for the platform's own people."""
    whole = {"verify_audit", "get_audit_head"}
    for name, case in CASES.items():
        needs = routes[name].needs
        if isinstance(needs, Action):
            may = {key for key, role in ROLES.items() if needs in ALLOWED[Role(role)]}
            assert set(case.platform) == may, name
            assert set(case.own) == (set() if needs in PLATFORM or name in whole else may), name


def test_a_route_without_a_gate_is_refused(app: FastAPI) -> None:
    with pytest.raises(ValueError, match="does not say what it needs"):
        check_routes([*app.routes, APIRoute("/x", lambda: None)])
    with pytest.raises(ValueError, match="does not say what it needs"):
        Guarded("GET", "/x", test_a_route_without_a_gate_is_refused, "everything")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="there are two routes"):
        check_routes([*app.routes, app.routes[0]])


async def test_without_a_token_that_holds_nothing_is_told(
    client: httpx.AsyncClient,
    routes: dict[str, Guarded],
    ids: Ids,
    token: Token,
    database: Database,
    clock: Clock,
    app: FastAPI,
) -> None:
    forms = {key: {} if it is None else {"Authorization": it} for key, it in FORMS.items()}
    forms["expired"] = token("admin", expires=START + 10)
    forms["revoked"] = token("admin")
    clock.now += 10
    with database.writing() as work:
        tokens.revoke(work, ADMIN, forms["revoked"]["Authorization"].split("_")[1])
    app.state.throttle = Patient()
    told: set[str] = set()
    for name, case in CASES.items():
        for headers in forms.values():
            found = await ask(client, routes[name], case.call("ant", ids), headers)
            said = problem(found, 401)
            told.add(f"{said['type']} {said['detail']}")
            error = ', error="invalid_token"' if headers else ""
            assert found.headers["www-authenticate"] == f'Bearer realm="blockyard"{error}'
    assert told == {"urn:blockyard:problem:authentication the token is not valid"}


@pytest.mark.parametrize("letter", ROLES)
async def test_a_tenants_people_reach_what_is_theirs(
    letter: str, client: httpx.AsyncClient, routes: dict[str, Guarded], ids: Ids, token: Token
) -> None:
    mine = token(ROLES[letter], "ant")
    for name, case in CASES.items():
        told = {
            tenant: await ask(client, routes[name], case.call(tenant, ids), mine)
            for tenant in (("ant",) if case.across else ("bee", "nobody", "ant"))
        }
        if letter not in case.own:
            for each in told.values():
                assert problem(each, 403)["type"].endswith(":forbidden"), name
            continue
        assert told["ant"].status_code == case.ok, (name, told["ant"].text)
        if not case.across:
            other = problem(told["bee"], 404)
            nobody = problem(told["nobody"], 404)
            said = other["detail"]
            for theirs in (key for key in ids if key.endswith("bee")):
                said = said.replace(ids[theirs], ids["nobody"])
            said = said.replace("bee", "nobody")
            assert said == nobody["detail"], name
            assert other["type"] == nobody["type"]


@pytest.mark.parametrize("letter", ROLES)
async def test_the_platforms_people_reach_every_tenant(
    letter: str, client: httpx.AsyncClient, routes: dict[str, Guarded], ids: Ids, token: Token
) -> None:
    mine = token(ROLES[letter])
    for name, case in CASES.items():
        for tenant in ("ant",) if case.across else ("ant", "bee"):
            found = await ask(client, routes[name], case.call(tenant, ids), mine)
            if letter in case.platform:
                assert found.status_code == case.ok, (name, found.text)
            else:
                assert problem(found, 403)["type"].endswith(":forbidden"), name
        if not case.across and letter in case.platform:
            found = await ask(client, routes[name], case.call("nobody", ids), mine)
            problem(found, 404)


async def test_without_its_scope_a_route_is_closed(
    client: httpx.AsyncClient, routes: dict[str, Guarded], ids: Ids, token: Token
) -> None:
    for name, case in CASES.items():
        needs = routes[name].needs
        if isinstance(needs, Action):
            others = [it.value for it in Action if it is not needs]
            for tenant in ("ant", None):
                headers = token("admin", tenant, *others)
                problem(await ask(client, routes[name], case.call("ant", ids), headers), 403)


async def test_a_disabled_tenant_can_be_looked_at_and_no_more(
    client: httpx.AsyncClient,
    routes: dict[str, Guarded],
    ids: Ids,
    token: Token,
    database: Database,
) -> None:
    disable(database, "ant")
    mine = token("admin", "ant")
    looks = {"validate_document", "plan_document"}
    for name, case in CASES.items():
        if "A" not in case.own:
            continue
        found = await ask(client, routes[name], case.call("ant", ids), mine)
        if routes[name].methods == {"GET"} or name in looks:
            assert found.status_code == case.ok, (name, found.text)
        else:
            said = problem(found, 403)
            assert said["type"] == "urn:blockyard:problem:disabled", name
            assert said["detail"] == "the tenant 'ant' is disabled: mines coins"
    admin = token("admin")
    for name, case in CASES.items():
        if "A" in case.platform:
            found = await ask(client, routes[name], case.call("ant", ids), admin)
            stopped = name in ("submit_run", "resume_run")
            assert found.status_code == (403 if stopped else case.ok), (name, found.text)


async def test_no_list_shows_what_is_another_tenants(
    client: httpx.AsyncClient, routes: dict[str, Guarded], ids: Ids, token: Token
) -> None:
    mine = token("admin", "ant")
    lists = {name for name in routes if name.startswith(("list_", "export_"))}
    assert len(lists) == 19
    for name in lists:
        case = CASES[name]
        call = case.call("ant", ids)
        for query in ({}, {"tenant": "ant"} if "tenant" in case.query else {}):
            whole = await ask(client, routes[name], call | {"params": query}, mine)
            assert whole.status_code == 200, name
            assert ids["bee"] not in whole.text, name
            assert not re.search(r"\bbee", whole.text), (name, whole.text)
            if name.startswith("list_") and name not in ("list_next_times", "list_events"):
                assert (
                    await by_one(client, routes[name], call, query, mine) == whole.json()["items"]
                )


async def by_one(
    client: httpx.AsyncClient,
    route: Guarded,
    call: dict[str, Any],
    query: dict[str, str],
    mine: Any,
) -> list[Any]:
    """Return the rows of a listing, asked for one by one."""
    rows: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        found = await ask(client, route, call | {"params": {**query, "limit": 1, **cursor}}, mine)
        assert found.status_code == 200, found.text
        rows += found.json()["items"]
        assert len(rows) < 1_000
        if found.json()["next"] is None:
            return rows
        cursor = {"cursor": found.json()["next"]}
