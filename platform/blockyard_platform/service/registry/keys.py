"""The keys that a tenant's host blocks keep, for the service alone: the same for its runs on every machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.registry.access import enter
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.registry.tables import KEY_SIZES, KEYS

if TYPE_CHECKING:
    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Reading, Writing


def lock(work: Writing, caller: Caller, tenant: str) -> None:
    """Let nobody else change the tenant's keys before the transaction ends."""
    scope = enter(work, caller, Action.KEYS_USE, tenant)
    work.change(scope.insert(work, KEY_SIZES, bytes=0).on_conflict_do_nothing())
    work.connection.execute(scope.select(KEY_SIZES, KEY_SIZES.c.bytes).with_for_update())


def read(work: Reading, caller: Caller, tenant: str, key: str, now: float) -> str | None:
    """Return the text of a value that has not expired."""
    scope = enter(work, caller, Action.KEYS_USE, tenant)
    wanted = scope.select(KEYS, KEYS.c.value).where(KEYS.c.key == key, _lives(now))
    text: str | None = work.connection.scalar(wanted)
    return text


def names(
    work: Reading, caller: Caller, tenant: str, prefix: str, after: str, most: int, now: float
) -> list[str]:
    """Return keys that begin with a prefix, in the order of their bytes, from the one after another."""
    scope = enter(work, caller, Action.KEYS_USE, tenant)
    # No character of a key stands behind a tilde.
    among = (KEYS.c.key >= prefix, KEYS.c.key < prefix + "~", KEYS.c.key > after, _lives(now))
    wanted = scope.select(KEYS, KEYS.c.key).where(*among).order_by(KEYS.c.key).limit(most)
    return [str(key) for key in work.connection.scalars(wanted)]


def size(work: Reading, caller: Caller, tenant: str) -> int:
    """Return the bytes of all keys."""
    scope = enter(work, caller, Action.KEYS_USE, tenant)
    return int(work.connection.scalar(scope.select(KEY_SIZES, KEY_SIZES.c.bytes)) or 0)


def add(
    work: Writing,
    caller: Caller,
    tenant: str,
    key: str,
    text: str,
    size: int,
    expires: float | None,
) -> None:
    """Add a key that is not there; the tenant's keys are locked."""
    scope = enter(work, caller, Action.KEYS_USE, tenant)
    work.change(scope.insert(work, KEYS, key=key, value=text, bytes=size, expires=expires))
    work.change(scope.update(KEY_SIZES).values(bytes=KEY_SIZES.c.bytes + size))


def remove(work: Writing, caller: Caller, tenant: str, key: str) -> bool:
    """Take a key away; return whether it was there. The tenant's keys are locked."""
    return _take(work, caller, tenant, KEYS.c.key == key)


def sweep(work: Writing, caller: Caller, tenant: str, now: float) -> None:
    """Take away what has expired. The tenant's keys are locked."""
    _take(work, caller, tenant, KEYS.c.expires <= now)


def _take(work: Writing, caller: Caller, tenant: str, which: sa.ColumnElement[bool]) -> bool:
    scope = enter(work, caller, Action.KEYS_USE, tenant)
    gone: list[Any] = list(
        work.connection.scalars(scope.delete(KEYS).where(which).returning(KEYS.c.bytes))
    )
    if gone:
        work.change(scope.update(KEY_SIZES).values(bytes=KEY_SIZES.c.bytes - sum(gone)))
    return bool(gone)


def _lives(now: float) -> sa.ColumnElement[bool]:
    return sa.or_(KEYS.c.expires.is_(None), KEYS.c.expires > now)
