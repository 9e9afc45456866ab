"""Who may do what, and to whose rows: the one place where this is decided and where queries are scoped.

A function of the registry first calls :func:`enter` or :func:`listing` with its action, and makes its statements of the
:class:`Scope` that it gets, which has the tenant in each. What is another tenant's is answered as what is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.registry.errors import (
    DisabledError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    QuotaError,
)
from blockyard_platform.service.registry.names import fits
from blockyard_platform.service.registry.tables import SWITCHES, TENANTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from blockyard_platform.service.registry.database import Reading, Writing


class Role(StrEnum):
    """What somebody is to a tenant, or to all of them. ``service`` is the platform's own parts; no token has it."""

    ADMIN = "admin"
    AUTHOR = "author"
    OPERATOR = "operator"
    VIEWER = "viewer"
    SERVICE = "service"


class Action(StrEnum):
    """What can be done: an area, and how. A scope is one of these, an area with ``:*``, or ``*``."""

    TENANTS_READ = "tenants:read"
    TENANTS_WRITE = "tenants:write"
    POLICIES_READ = "policies:read"
    POLICIES_WRITE = "policies:write"
    WORKFLOWS_READ = "workflows:read"
    WORKFLOWS_WRITE = "workflows:write"
    TOKENS_READ = "tokens:read"
    TOKENS_WRITE = "tokens:write"
    TOKENS_FIRST = "tokens:first"
    SWITCHES_READ = "switches:read"
    SWITCHES_WRITE = "switches:write"
    SECRETS_READ = "secrets:read"
    SECRETS_WRITE = "secrets:write"
    SECRETS_OPEN = "secrets:open"
    RUNS_READ = "runs:read"
    RUNS_SUBMIT = "runs:submit"
    RUNS_CONTROL = "runs:control"
    RUNS_PURGE = "runs:purge"
    SCHEDULES_READ = "schedules:read"
    SCHEDULES_WRITE = "schedules:write"
    SCHEDULES_ADVANCE = "schedules:advance"
    USAGE_READ = "usage:read"
    USAGE_ADD = "usage:add"
    QUOTAS_WRITE = "quotas:write"
    AUDIT_READ = "audit:read"


ALL = "*"
"""The scope that stands for every action."""

_LOOKING = {
    Action.TENANTS_READ,
    Action.POLICIES_READ,
    Action.WORKFLOWS_READ,
    Action.SWITCHES_READ,
    Action.RUNS_READ,
    Action.SCHEDULES_READ,
    Action.USAGE_READ,
}
_RUNNING = {Action.RUNS_SUBMIT, Action.RUNS_CONTROL, Action.SCHEDULES_WRITE}
_HOUSE = {
    Action.TOKENS_FIRST,
    Action.SECRETS_OPEN,
    Action.RUNS_PURGE,
    Action.SCHEDULES_ADVANCE,
    Action.USAGE_ADD,
}

ALLOWED: MappingProxyType[Role, frozenset[Action]] = MappingProxyType(
    {
        Role.VIEWER: frozenset(_LOOKING),
        Role.OPERATOR: frozenset(_LOOKING | _RUNNING | {Action.SWITCHES_WRITE}),
        Role.AUTHOR: frozenset(_LOOKING | _RUNNING | {Action.WORKFLOWS_WRITE, Action.SECRETS_READ}),
        Role.ADMIN: frozenset(set(Action) - _HOUSE),
        Role.SERVICE: frozenset(_LOOKING | _RUNNING | _HOUSE),
    }
)
"""Which role may do what. The service opens secrets, and an admin writes them: nobody does both."""

PLATFORM = frozenset(
    {Action.TENANTS_WRITE, Action.POLICIES_WRITE, Action.QUOTAS_WRITE, Action.TOKENS_FIRST}
)
"""What a tenant's own people must not do, whatever their role: it is what holds the tenant."""

_SCOPES = frozenset({ALL, *Action, *(f"{each.partition(':')[0]}:*" for each in Action)})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: for one tenant, or for all (``tenant`` is None). Without scopes nothing is allowed."""

    tenant: str | None
    role: Role
    scopes: frozenset[str]
    token_id: str | None = None

    @classmethod
    def service(cls, tenant: str | None = None) -> Caller:
        """Return the platform's own parts, as they work for one tenant or for all."""
        return cls(tenant, Role.SERVICE, frozenset({ALL}))

    @property
    def who(self) -> str:
        """What the audit log calls the caller: a token's id, or ``service``, or ``local`` for who needs no token."""
        return self.token_id or ("service" if self.role is Role.SERVICE else "local")

    def actions(self) -> frozenset[Action]:
        """Return all that the caller may do, to what is theirs."""
        found = ALLOWED[self.role] if self.tenant is None else ALLOWED[self.role] - PLATFORM
        return frozenset(each for each in found if self._in_scope(each))

    def _in_scope(self, action: Action) -> bool:
        area = action.partition(":")[0]
        return not self.scopes.isdisjoint((ALL, action.value, f"{area}:*"))


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows a statement reaches: one tenant's, or everybody's. Made by this module alone."""

    tenant: str | None

    def select(self, table: sa.Table, *columns: Any) -> sa.Select[Any]:
        """Return a SELECT of whole rows, or of some columns."""
        return sa.select(*(columns or (table,))).where(self._owns(table))

    def update(self, table: sa.Table) -> sa.Update:
        """Return an UPDATE."""
        return sa.update(table).where(self._owns(table))

    def delete(self, table: sa.Table) -> sa.Delete:
        """Return a DELETE."""
        return sa.delete(table).where(self._owns(table))

    def shared(self, table: sa.Table) -> sa.Select[Any]:
        """Return a SELECT of the rows that concern the tenant: its own, and those for all (whose tenant is "")."""
        if self.tenant is None:
            return sa.select(table)
        return sa.select(table).where(table.c.tenant.in_(["", self.tenant]))

    def insert(self, work: Writing, table: sa.Table, **values: Any) -> Any:
        """Return an INSERT of a row of the tenant, which can say what becomes of one that is there."""
        return work.insert(table).values(tenant=self.tenant, **values)

    def limit(self, work: Writing, table: sa.Table, most: int, what: str) -> None:
        """Raise QuotaError when the tenant has so many rows: nobody fills the database with names."""
        count = self.select(table, sa.func.count())
        if (work.connection.scalar(count) or 0) >= most:
            raise QuotaError(f"the tenant has {most} {what}, and can have no more")

    def lock(self, work: Writing) -> None:
        """Let nobody else who does this go on before the transaction ends: versions get their numbers so."""
        row = self.select(TENANTS, TENANTS.c.name).with_for_update(key_share=True)
        work.connection.execute(row)

    def _owns(self, table: sa.Table) -> sa.ColumnElement[bool]:
        column = table.c.name if table is TENANTS else table.c.tenant
        return sa.true() if self.tenant is None else column == self.tenant


def check(caller: Caller, action: Action) -> None:
    """Raise ForbiddenError when the caller may not do this to anything; nothing is looked up for it."""
    if action not in caller.actions():
        whose = "all tenants" if caller.tenant is None else "one tenant"
        raise ForbiddenError(
            f"the role {caller.role.value} for {whose}, with its scopes, does not allow {action.value}",
            "use a token whose role and scopes do",
        )


def enter(work: Reading, caller: Caller, action: Action, tenant: str) -> Scope:
    """Return the scope of one tenant. Raises ForbiddenError, NotFoundError, and DisabledError when a change is asked of one that is switched off."""
    check(caller, action)
    row: Any = None
    if fits("tenant", tenant):
        wanted = Scope(caller.tenant).select(TENANTS, TENANTS.c.name, why_disabled())
        row = work.connection.execute(wanted.where(TENANTS.c.name == tenant)).first()
    if row is None:
        raise NotFoundError("tenant", tenant)
    if row.reason is not None and _is_stopped(caller, action):
        raise DisabledError(tenant, row.reason)
    return Scope(tenant)


def listing(work: Reading, caller: Caller, action: Action, tenant: str | None = None) -> Scope:
    """Return the scope of one tenant, or of all that the caller may see when none is named. Raises as :func:`enter`."""
    wanted = caller.tenant if tenant is None else tenant
    if wanted is not None:
        return enter(work, caller, action, wanted)
    check(caller, action)
    return Scope(None)


def why_disabled() -> sa.ColumnElement[str | None]:
    """Return the column ``reason`` for a SELECT of tenants: why one is switched off, or None."""
    stop = sa.select(SWITCHES.c.reason).where(
        SWITCHES.c.owner == "",
        SWITCHES.c.kind == "tenant",
        SWITCHES.c.tenant == TENANTS.c.name,
        SWITCHES.c.name == TENANTS.c.name,
    )
    return stop.scalar_subquery().label("reason")


def everybody() -> Scope:
    """Return the scope for who is not known yet: a token is looked up in it when its holder comes, and nothing else."""
    return Scope(None)


def scopes_of(given: Iterable[str]) -> frozenset[str]:
    """Return scopes that are all known. Raises InvalidError."""
    found = frozenset(given)
    for each in sorted(found - _SCOPES):
        raise InvalidError(
            f"there is no scope {each[:60]!r}", f"known are: {', '.join(sorted(_SCOPES))}"
        )
    return found


def _is_stopped(caller: Caller, action: Action) -> bool:
    """Whether a disabled tenant cannot do this. For all tenants, only new runs are stopped: an admin still cleans up."""
    if action is Action.RUNS_SUBMIT:
        return True
    house = action in _HOUSE
    return caller.tenant is not None and not house and not action.endswith(":read")
