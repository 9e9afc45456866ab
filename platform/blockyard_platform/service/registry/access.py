"""Who may do what, and to whose rows: the one place where this is decided and where queries are scoped.

A function of the registry first calls :func:`enter` or :func:`listing` with its action, and makes its statements of the
:class:`Scope` that it gets, which has the tenant in each. What is another tenant's is answered as what is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.registry.callers import HOUSE, Action, Caller
from blockyard_platform.service.registry.errors import (
    DisabledError,
    ForbiddenError,
    NotFoundError,
    QuotaError,
)
from blockyard_platform.service.registry.names import fits
from blockyard_platform.service.registry.tables import SWITCHES, TENANTS
from blockyard_platform.store.lists import among, texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from blockyard_platform.service.registry.database import Reading, Writing


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

    def row(self, **values: Any) -> dict[str, Any]:
        """Return a row of the tenant, for an INSERT that many are given to."""
        return {"tenant": self.tenant, **values}

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
        return sa.true() if self.tenant is None else _whose(table) == self.tenant


class Among(Scope):
    """The tenants that are named as ``tenants`` when a statement is executed: it is made once, whoever they are."""

    def _owns(self, table: sa.Table) -> sa.ColumnElement[bool]:
        column = _whose(table)
        return column.in_(sa.bindparam("tenants", expanding=True, type_=column.type))


def _whose(table: sa.Table) -> sa.Column[Any]:
    return table.c.name if table is TENANTS else table.c.tenant


def check(caller: Caller, action: Action) -> None:
    """Raise ForbiddenError when the caller may not do this to anything; nothing is looked up for it."""
    if not caller.may(action):
        whose = "all tenants" if caller.tenant is None else "one tenant"
        raise ForbiddenError(
            f"the role {caller.role.value} for {whose}, with its scopes, does not allow {action.value}",
            "use a token whose role and scopes do",
        )


def enter(work: Reading, caller: Caller, action: Action, tenant: str) -> Scope:
    """Return the scope of one tenant. Raises ForbiddenError, NotFoundError, and DisabledError when a change is asked of one that is switched off."""
    scope_among(caller, action, [tenant])
    if tenant not in work.entered:
        work.entered[tenant] = _found(work, tenant)
    reason = work.entered[tenant]
    if reason is not None and _is_stopped(caller, action):
        raise DisabledError(tenant, reason)
    return Scope(tenant)


def enter_all(
    work: Reading, caller: Caller, action: Action, tenants: Iterable[str]
) -> dict[str, Scope]:
    """Return the scopes of several tenants in the order of their names; they are looked up together. Raises as :func:`enter`."""
    check(caller, action)
    names = sorted(set(tenants))
    dialect = work.connection.dialect.name
    new = [it for it in names if it not in work.entered and fits("tenant", it)]
    if len(new) > 1 and caller.tenant is None:
        rows = work.connection.execute(_tenants(dialect), {"tenants": texts(dialect, new)})
        work.entered |= {row.name: row.reason for row in rows}
    return {it: enter(work, caller, action, it) for it in names}


def lock_all(work: Writing, caller: Caller, action: Action, tenants: Iterable[str]) -> None:
    """Lock several tenants, as :meth:`Scope.lock` does with one, in the order of their names. Raises as :func:`enter`.

    Who locks a tenant does so before runs that wait, and before what is stored and used is counted: so nobody waits in a circle.
    """
    for scope in enter_all(work, caller, action, tenants).values():
        scope.lock(work)


def scope_among(caller: Caller, action: Action, tenants: Iterable[str]) -> Among:
    """Return the scope for a statement about these tenants, before one is looked for. Raises ForbiddenError, and NotFoundError for another one's caller."""
    check(caller, action)
    for each in tenants:
        if caller.tenant not in (None, each) or not fits("tenant", each):
            raise NotFoundError("tenant", each)
    return Among(None)


def _found(work: Reading, tenant: str) -> str | None:
    """Return why a tenant is disabled, if it is. Raises NotFoundError. It is asked once in a transaction."""
    row: Any = work.connection.execute(_tenant(), {"tenant": tenant}).first()
    if row is None:
        raise NotFoundError("tenant", tenant)
    reason: str | None = row.reason
    return reason


@cache
def _tenant() -> Any:
    wanted: Any = sa.select(TENANTS.c.name, why_disabled())
    return wanted.where(TENANTS.c.name == sa.bindparam("tenant", type_=TENANTS.c.name.type))


@cache
def _tenants(dialect: str) -> Any:
    wanted: Any = sa.select(TENANTS.c.name, why_disabled())
    return wanted.where(among(dialect, TENANTS.c.name, "tenants"))


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


def _is_stopped(caller: Caller, action: Action) -> bool:
    """Whether a disabled tenant cannot do this. For all tenants, only new runs are stopped: an admin still cleans up."""
    if action is Action.RUNS_SUBMIT:
        return True
    house = action in HOUSE
    return caller.tenant is not None and not house and not action.endswith(":read")
