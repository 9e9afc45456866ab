"""How tenants stand: the policy in force, and what is stopped: all that decides whether a run may begin, in one statement for many of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.registry.access import Among, enter, scope_among, why_disabled
from blockyard_platform.service.registry.audit import revision
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.registry.errors import NotFoundError
from blockyard_platform.service.registry.switches import Switch, Switches
from blockyard_platform.service.registry.tables import POLICIES, SWITCHES, TENANTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Reading


@dataclass(frozen=True, slots=True)
class Standing:
    """How a tenant stands: ``version`` is that of the policy in force, None when it was never given one.

    It stands so while the ``revision`` of the registry is this one: all that changes it is noted in the audit log.
    """

    tenant: str
    version: int | None
    switches: Switches
    revision: str | None


def read(
    work: Reading,
    caller: Caller,
    tenants: Iterable[str],
    action: Action = Action.POLICIES_READ,
) -> dict[str, Standing]:
    """Return how each of some tenants stands now, for who may do ``action``. Raises as ``enter``, for any of them."""
    asked = sorted(set(tenants))
    scope = scope_among(caller, action, asked)
    if not asked:
        return {}
    rows: dict[str, list[Any]] = {each: [] for each in asked}
    for row in work.connection.execute(_standings(scope), {"tenants": asked}).mappings():
        rows[row["asked"]].append(row)
    return {each: _standing(work, caller, action, each, rows[each]) for each in asked}


def _standing(
    work: Reading, caller: Caller, action: Action, tenant: str, rows: list[Any]
) -> Standing:
    """Return how a tenant stands by its rows: one for each switch that concerns it, or one without."""
    if not rows:
        raise NotFoundError("tenant", tenant)
    work.entered[tenant] = rows[0]["disabled"]
    enter(work, caller, action, tenant)
    found = tuple(Switch.of(row) for row in rows if row["kind"] is not None)
    first = rows[0]
    return Standing(tenant, first["version"] or None, Switches(tenant, found), first["revision"])


@cache
def _standings(scope: Among) -> Any:
    stops = SWITCHES.alias()
    newest = scope.select(POLICIES, sa.func.max(POLICIES.c.version))
    newest = newest.where(POLICIES.c.tenant == TENANTS.c.name)
    pinned = sa.func.nullif(TENANTS.c.policy_pin, 0)
    concerns = stops.c.tenant.in_(["", TENANTS.c.name])
    columns = (
        TENANTS.c.name.label("asked"),
        why_disabled().label("disabled"),
        sa.func.coalesce(pinned, newest.scalar_subquery()).label("version"),
        revision(),
        *stops.c,
    )
    return scope.select(TENANTS, *columns).select_from(TENANTS.outerjoin(stops, concerns))
