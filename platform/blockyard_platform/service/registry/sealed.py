"""Secrets: written by a tenant's admins, opened by the service alone. What is stored is sealed before it comes here.

How it is sealed is another room's: a function is given the text and the place where it is to stand, so that a sealed text that was
moved to another tenant, name or version does not open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa

from blockyard_platform.service.registry.access import Scope, enter, listing
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.registry.errors import InvalidError, NotFoundError
from blockyard_platform.service.registry.names import checked, known, text
from blockyard_platform.service.registry.paging import FIRST, Ask, Order, Page, fetch
from blockyard_platform.service.registry.tables import SECRETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Reading, Writing

MOST = 10_000
"""Versions of all secrets that one tenant can have."""
MOST_CHARACTERS = 64 * 1024
"""The longest secret."""

_HALVES = re.compile("[\ud800-\udfff]")
_ORDER = Order("secrets", (SECRETS.c.name,))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a secret stands: what its sealing is bound to."""

    tenant: str
    name: str
    version: int


Key: TypeAlias = tuple[str, str]
"""A tenant and the name of a secret."""
FIRST_KEY: Key = ("", "")

Sealing: TypeAlias = "Callable[[str, Place], str]"
"""Seals or opens the text of a place; the sealed form is text, too."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret's newest version, without what it holds."""

    tenant: str
    name: str
    version: int
    author: str
    created: float


def put(work: Writing, caller: Caller, tenant: str, name: str, value: str, seal: Sealing) -> Secret:
    """Store a secret, or its next version; what the older ones held is forgotten. Raises NotFoundError, InvalidError."""
    scope = enter(work, caller, Action.SECRETS_WRITE, tenant)
    checked("secret", name)
    if not 1 <= len(value) <= MOST_CHARACTERS or _HALVES.search(value) is not None:
        raise InvalidError(f"a secret has 1 to {MOST_CHARACTERS} characters of Unicode")
    scope.lock(work)
    scope.limit(work, SECRETS, MOST, "versions of secrets")
    newest, _ = _newest(work, scope, name)
    place = Place(tenant, name, newest + 1)
    _forget(work, scope, name)
    _add(work, scope, caller, place, text("sealed secret", seal(value, place), 1 << 20))
    work.note(caller, tenant, "secrets.put", f"secret/{name}", version=place.version)
    return Secret(tenant, name, place.version, caller.who, work.now)


def delete(work: Writing, caller: Caller, tenant: str, name: str) -> None:
    """Take a secret away, with all that it held. Raises NotFoundError."""
    scope = enter(work, caller, Action.SECRETS_WRITE, tenant)
    known("secret", name)
    scope.lock(work)
    newest, sealed = _newest(work, scope, name)
    if sealed is None:
        raise NotFoundError("secret", name)
    _forget(work, scope, name)
    # An empty version: one that comes later gets another number, and a sealed text of before opens at none.
    _add(work, scope, caller, Place(tenant, name, newest + 1), None)
    work.note(caller, tenant, "secrets.delete", f"secret/{name}")


def page(work: Reading, caller: Caller, tenant: str, ask: Ask = FIRST) -> Page[Secret]:
    """Return a tenant's secrets by name, without what they hold."""
    scope = enter(work, caller, Action.SECRETS_READ, tenant)
    columns = [SECRETS.c[it] for it in ("tenant", "name", "version", "author", "created")]
    # Only the newest version of a secret that is there has a sealed text.
    wanted = scope.select(SECRETS, *columns).where(SECRETS.c.sealed.is_not(None))
    return fetch(work, wanted, _ORDER, ask, lambda it: Secret(*it))


def any_held(work: Reading, caller: Caller) -> bool:
    """Whether there is a secret at all, of those that the caller works for: then its key has to be there."""
    scope = listing(work, caller, Action.SECRETS_OPEN)
    held = scope.select(SECRETS, SECRETS.c.name).where(SECRETS.c.sealed.is_not(None))
    return work.connection.execute(held.limit(1)).first() is not None


def names(work: Reading, caller: Caller, tenant: str) -> frozenset[str]:
    """Return the names of a tenant's secrets, at most as many as it can have: for the service alone, which admits documents."""
    scope = enter(work, caller, Action.SECRETS_OPEN, tenant)
    wanted = scope.select(SECRETS, SECRETS.c.name).where(SECRETS.c.sealed.is_not(None))
    return frozenset(work.connection.scalars(wanted))


def reveal(work: Reading, caller: Caller, tenant: str, name: str, unseal: Sealing) -> str:
    """Return what a secret holds: for the service alone, which gives it to host blocks. Raises NotFoundError."""
    scope = enter(work, caller, Action.SECRETS_OPEN, tenant)
    version, sealed = _newest(work, scope, known("secret", name))
    if sealed is None:
        raise NotFoundError("secret", name)
    return unseal(sealed, Place(tenant, name, version))


def reseal(
    work: Writing, caller: Caller, again: Sealing, after: Key = FIRST_KEY, limit: int = 100
) -> tuple[Key, ...]:
    """Seal up to ``limit`` secrets of all tenants anew, after a key in their order; return their keys: for the service alone.

    ``again`` gives what is sealed for a place in its new form: what it gives as it was stays.
    """
    scope = listing(work, caller, Action.SECRETS_OPEN)
    key = (SECRETS.c.tenant, SECRETS.c.name)
    wanted = scope.select(SECRETS).where(SECRETS.c.sealed.is_not(None), sa.tuple_(*key) > after)
    rows: list[Any] = list(work.connection.execute(wanted.order_by(*key).limit(limit)))
    for row in rows:
        fresh = again(row.sealed, Place(row.tenant, row.name, row.version))
        if fresh != row.sealed:
            mine = (key[0] == row.tenant, key[1] == row.name, SECRETS.c.version == row.version)
            # One that was set or deleted meanwhile is as it should be.
            changed = scope.update(SECRETS).where(*mine, SECRETS.c.sealed == row.sealed)
            if work.change(changed.values(sealed=text("sealed secret", fresh, 1 << 20))):
                work.note(caller, row.tenant, "secrets.reseal", f"secret/{row.name}")
    return tuple((row.tenant, row.name) for row in rows)


def _newest(work: Reading, scope: Scope, name: str) -> tuple[int, str | None]:
    wanted = scope.select(SECRETS, SECRETS.c.version, SECRETS.c.sealed)
    latest = wanted.where(SECRETS.c.name == name).order_by(SECRETS.c.version.desc()).limit(1)
    row: Any = work.connection.execute(latest).first()
    return (0, None) if row is None else (row.version, row.sealed)


def _forget(work: Writing, scope: Scope, name: str) -> None:
    held = scope.update(SECRETS).where(SECRETS.c.name == name, SECRETS.c.sealed.is_not(None))
    work.change(held.values(sealed=sa.null()))


def _add(work: Writing, scope: Scope, caller: Caller, place: Place, sealed: str | None) -> None:
    row = {"name": place.name, "version": place.version, "sealed": sealed}
    row |= {"author": caller.who, "created": work.now}
    work.change(scope.insert(work, SECRETS, **row))
