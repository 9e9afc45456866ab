"""Tenants: made by the platform's admins, switched off by them, and never taken away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.registry import switches
from blockyard_platform.service.registry.access import Scope, check, enter, listing, why_disabled
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.registry.errors import ConflictError
from blockyard_platform.service.registry.names import checked, text
from blockyard_platform.service.registry.paging import FIRST, Ask, Order, Page, fetch
from blockyard_platform.service.registry.switches import SwitchKind
from blockyard_platform.service.registry.tables import TENANTS

if TYPE_CHECKING:
    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Reading, Writing

_ORDER = Order("tenants", (TENANTS.c.name,))


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant; ``disabled`` is the reason for which it is switched off, and ``policy_pin`` the version of its policy that stays in force."""

    name: str
    display: str
    disabled: str | None
    policy_pin: int | None
    author: str
    created: float


def create(work: Writing, caller: Caller, name: str, display: str = "") -> Tenant:
    """Make a tenant. Raises InvalidError, ConflictError when there is one of the name."""
    check(caller, Action.TENANTS_WRITE)
    row = {
        "name": checked("tenant", name),
        "display": text("display name", display, 200) or name,
        "author": caller.who,
        "created": work.now,
    }
    if not work.change(work.insert(TENANTS).values(**row).on_conflict_do_nothing()):
        raise ConflictError(f"there is a tenant {name!r} already", "choose another name")
    work.note(caller, name, "tenants.create", name, display=row["display"])
    return read(work, caller, name)


def read(work: Reading, caller: Caller, tenant: str) -> Tenant:
    """Return a tenant. Raises NotFoundError."""
    scope = enter(work, caller, Action.TENANTS_READ, tenant)
    return _made(work.connection.execute(_wanted(scope)).one())


def page(work: Reading, caller: Caller, ask: Ask = FIRST) -> Page[Tenant]:
    """Return the tenants that the caller may see, by name."""
    scope = listing(work, caller, Action.TENANTS_READ)
    return fetch(work, _wanted(scope), _ORDER, ask, _made)


def rename(work: Writing, caller: Caller, tenant: str, display: str) -> Tenant:
    """Change what a tenant is called for people. Raises NotFoundError, InvalidError."""
    scope = enter(work, caller, Action.TENANTS_WRITE, tenant)
    shown = text("display name", display, 200, least=1)
    work.change(scope.update(TENANTS).values(display=shown))
    work.note(caller, tenant, "tenants.rename", tenant, display=shown)
    return read(work, caller, tenant)


def disable(work: Writing, caller: Caller, tenant: str, reason: str) -> Tenant:
    """Switch a tenant off: nothing of it runs or changes any more. Raises NotFoundError, InvalidError."""
    check(caller, Action.TENANTS_WRITE)
    switches.stop(work, caller, SwitchKind.TENANT, tenant, reason, tenant=tenant)
    return read(work, caller, tenant)


def enable(work: Writing, caller: Caller, tenant: str) -> Tenant:
    """Switch a tenant on again. Raises NotFoundError, also when it is not off."""
    check(caller, Action.TENANTS_WRITE)
    switches.lift(work, caller, SwitchKind.TENANT, tenant, tenant=tenant)
    return read(work, caller, tenant)


def _wanted(scope: Scope) -> sa.Select[Any]:
    return scope.select(TENANTS, TENANTS, why_disabled())


def _made(row: Any) -> Tenant:
    return Tenant(row.name, row.display, row.reason, row.policy_pin, row.author, row.created)
