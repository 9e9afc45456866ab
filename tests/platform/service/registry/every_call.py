"""Every function of the registry: who may call it, and a call of it on behalf of somebody, about a tenant."""

from collections.abc import Callable
from typing import Any

from blockyard_platform.service.registry import (
    keys,
    policies,
    schedules,
    sealed,
    standing,
    submissions,
    switches,
    tenants,
    tokens,
    trail,
    usage,
    workflows,
)
from blockyard_platform.service.registry.callers import Caller, Role
from blockyard_platform.service.registry.paging import Ask, Page
from blockyard_platform.service.registry.switches import SwitchKind
from blockyard_platform.service.registry.usage import Kept, Quota

from .conftest import ADMIN, DIGEST, DOCUMENT, START, TIMING, Ids

MODULES = (
    tenants,
    policies,
    workflows,
    tokens,
    switches,
    standing,
    sealed,
    submissions,
    schedules,
    keys,
    usage,
    trail,
)
ROLES = {"A": "admin", "O": "operator", "W": "author", "V": "viewer", "S": "service"}
"""The letters of the table below; W is who writes."""

BLOCK, WORKFLOW = SwitchKind.BLOCK, SwitchKind.WORKFLOW

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
    "policies.in_force": ("AOWVS", "AOWVS", lambda w, c, t, i: policies.in_force(w, c, t)),
    "policies.page": ("AOWVS", "AOWVS", lambda w, c, t, i: policies.page(w, c, t)),
    "policies.diff": ("AOWVS", "AOWVS", lambda w, c, t, i: policies.diff(w, c, t, 1, 1)),
    "policies.pin": ("", "A", lambda w, c, t, i: policies.pin(w, c, t, 1)),
    "workflows.put": ("AW", "AW", lambda w, c, t, i: workflows.put(w, c, t, "n", DOCUMENT)),
    "workflows.read": ("AOWVS", "AOWVS", lambda w, c, t, i: workflows.read(w, c, t, "report")),
    "workflows.page": ("AOWVS", "AOWVS", lambda w, c, t, i: workflows.page(w, c, t)),
    "workflows.versions": (
        "AOWVS",
        "AOWVS",
        lambda w, c, t, i: workflows.versions(w, c, t, "report"),
    ),
    "workflows.texts": ("AOWVS", "AOWVS", lambda w, c, t, i: workflows.texts(w, c, t)),
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
    "standing.read": ("AOWVS", "AOWVS", lambda w, c, t, i: standing.read(w, c, [t])),
    "sealed.put": ("A", "A", lambda w, c, t, i: sealed.put(w, c, t, "s", "v", lambda v, p: "x")),
    "sealed.delete": ("A", "A", lambda w, c, t, i: sealed.delete(w, c, t, "key")),
    "sealed.page": ("AW", "AW", lambda w, c, t, i: sealed.page(w, c, t)),
    "sealed.names": ("S", "S", lambda w, c, t, i: sealed.names(w, c, t)),
    "sealed.reveal": ("S", "S", lambda w, c, t, i: sealed.reveal(w, c, t, "key", lambda v, p: v)),
    "submissions.find": (
        "AOWS",
        "AOWS",
        lambda w, c, t, i: submissions.find(w, c, t, "k", DIGEST),
    ),
    "submissions.claim": (
        "AOWS",
        "AOWS",
        lambda w, c, t, i: submissions.claim(w, c, t, "k", DIGEST, "r"),
    ),
    "schedules.put": ("AOWS", "AOWS", lambda w, c, t, i: schedules.put(w, c, t, "n", TIMING)),
    "schedules.read": ("AOWVS", "AOWVS", lambda w, c, t, i: schedules.read(w, c, t, "daily")),
    "schedules.delete": ("AOWS", "AOWS", lambda w, c, t, i: schedules.delete(w, c, t, "daily")),
    "schedules.page": ("AOWVS", "AOWVS", lambda w, c, t, i: schedules.page(w, c, t)),
    "schedules.switch": (
        "AOWS",
        "AOWS",
        lambda w, c, t, i: schedules.switch(w, c, t, "daily", enabled=False),
    ),
    "schedules.advance": (
        "S",
        "S",
        lambda w, c, t, i: schedules.advance(w, c, t, "daily", START, None),
    ),
    "keys.lock": ("S", "S", lambda w, c, t, i: keys.lock(w, c, t)),
    "keys.read": ("S", "S", lambda w, c, t, i: keys.read(w, c, t, "k", START)),
    "keys.names": ("S", "S", lambda w, c, t, i: keys.names(w, c, t, "", "", 9, START)),
    "keys.size": ("S", "S", lambda w, c, t, i: keys.size(w, c, t)),
    "keys.add": ("S", "S", lambda w, c, t, i: keys.add(w, c, t, "new", "1", 1, None)),
    "keys.remove": ("S", "S", lambda w, c, t, i: keys.remove(w, c, t, "k")),
    "keys.sweep": ("S", "S", lambda w, c, t, i: keys.sweep(w, c, t, START)),
    "usage.set_quota": ("", "A", lambda w, c, t, i: usage.set_quota(w, c, t, Quota(1))),
    "usage.quota_of": ("AOWVS", "AOWVS", lambda w, c, t, i: usage.quota_of(w, c, t)),
    "usage.today": ("AOWVS", "AOWVS", lambda w, c, t, i: usage.today(w, c, t)),
    "usage.stored": ("AOWVS", "AOWVS", lambda w, c, t, i: usage.stored(w, c, t)),
    "usage.page": ("AOWVS", "AOWVS", lambda w, c, t, i: usage.page(w, c, t)),
    "usage.take_runs": ("AOWS", "AOWS", lambda w, c, t, i: usage.take_runs(w, c, t)),
    "usage.add_seconds": ("S", "S", lambda w, c, t, i: usage.add_seconds(w, c, t, 1.0)),
    "usage.keep_bytes": ("S", "S", lambda w, c, t, i: usage.keep_bytes(w, c, t, 1)),
    "usage.store_bytes": ("S", "S", lambda w, c, t, i: usage.store_bytes(w, c, t, 1)),
    "trail.page": ("A", "A", lambda w, c, t, i: trail.page(w, c, t)),
    "trail.lines": ("A", "A", lambda w, c, t, i: list(trail.lines(w, c, t))),
}

ACROSS: dict[str, tuple[str, str, Callable[[Any, Caller], Any]]] = {
    # functions that name no tenant
    "tenants.page": ("AOWVS", "AOWVS", lambda w, c: tenants.page(w, c)),
    "usage.keep_all": ("S", "S", lambda w, c: usage.keep_all(w, c, {"ant": Kept(1, 1.0)})),
    "tokens.first": ("", "S", lambda w, c: tokens.first(w, c)),
    "tokens.rescue": ("", "S", lambda w, c: tokens.rescue(w, c)),
    "submissions.purge": ("S", "S", lambda w, c: submissions.purge(w, c, START)),
    "schedules.due": ("S", "S", lambda w, c: schedules.due(w, c)),
    "schedules.strays": ("S", "S", lambda w, c: schedules.strays(w, c, 1.0)),
    "schedules.earliest": ("S", "S", lambda w, c: schedules.earliest(w, c)),
    "trail.head": ("", "A", lambda w, c: trail.head(w, c)),
    "sealed.any_held": ("S", "S", lambda w, c: sealed.any_held(w, c)),
    "sealed.reseal": ("S", "S", lambda w, c: sealed.reseal(w, c, lambda v, p: v + "x")),
    "trail.verified": ("", "A", lambda w, c: trail.verified(w, c)),
}

LISTINGS: dict[str, Callable[[Any, Caller, str | None, Ask], Page[Any]]] = {
    "tenants.page": lambda w, c, t, a: tenants.page(w, c, a),
    "policies.page": lambda w, c, t, a: policies.page(w, c, t or c.tenant or "ant", a),
    "workflows.page": lambda w, c, t, a: workflows.page(w, c, t or c.tenant or "ant", a),
    "workflows.versions": lambda w, c, t, a: workflows.versions(
        w, c, t or c.tenant or "ant", "report", a
    ),
    "workflows.texts": lambda w, c, t, a: workflows.texts(
        w, c, t or c.tenant or "ant", a, newest=False
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
