"""Tokens: ``by_<id>_<secret>``, shown once.

The database has the SHA-256 of the secret, which is 256 random bits: no slow hash is needed where nothing can be guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from blockyard_platform.service.registry.access import Scope, check, everybody, listing
from blockyard_platform.service.registry.callers import ALL, Action, Caller, Role, scopes_of
from blockyard_platform.service.registry.errors import (
    AuthenticationError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from blockyard_platform.service.registry.names import known, text
from blockyard_platform.service.registry.paging import FIRST, Ask, Order, Page, fetch
from blockyard_platform.service.registry.tables import TOKENS
from blockyard_platform.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from blockyard_platform.service.registry.database import Database, Reading, Writing

MOST = 10_000
"""Tokens that one tenant can ever have; those that are revoked stay, for the audit log names them."""

_TEXT = re.compile(r"by_([0-9a-f]{16})_([0-9a-f]{64})")
_NOBODY = "0" * 64
_ORDER = Order("tokens", (TOKENS.c.created, TOKENS.c.id), latest_first=True)
_TOUCH_SECONDS = 60.0
_FAR = 253_402_300_800.0  # the year 10000

_ADMIN = Caller(None, Role.ADMIN, frozenset({ALL}))


@dataclass(frozen=True, slots=True)
class Token:
    """A token, without its secret. ``tenant`` is None for all tenants; times are seconds since 1970."""

    id: str
    tenant: str | None
    label: str
    role: Role
    scopes: frozenset[str]
    expires: float | None
    used: float | None
    revoked: float | None
    author: str
    created: float


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token. ``text`` is all that its holder needs, and can be had here alone."""

    token: Token
    text: str

    def __repr__(self) -> str:
        """Leave the text out: what is logged is read by others."""
        return f"Issued({self.token!r})"


def issue(
    work: Writing,
    caller: Caller,
    tenant: str | None,
    role: Role,
    *,
    label: str = "",
    scopes: Iterable[str] = (ALL,),
    expires: float | None = None,
) -> Issued:
    """Make a token for a tenant, or for all (None). Raises NotFoundError, InvalidError, ForbiddenError when it could do more than the caller, or for longer."""
    scope = _whose(work, caller, tenant)
    holder = Caller(tenant, role, scopes_of(scopes))
    if role is Role.SERVICE or not holder.actions() <= caller.actions():
        raise ForbiddenError("a token cannot allow what its maker may not do", "give it less")
    if expires is not None and not work.now < expires < _FAR:
        raise InvalidError("the token would have expired already", "give a later time")
    _check_until(work, caller, expires)
    if tenant is not None:
        scope.lock(work)
        scope.limit(work, TOKENS, MOST, "tokens")
    return _make(work, scope, caller, holder, label, expires)


def first(work: Writing, caller: Caller) -> Issued | None:
    """Make the admin's token of a new database, and nothing when there is or was any token. Raises ForbiddenError."""
    scope = listing(work, caller, Action.TOKENS_FIRST)
    # Two servers that start at once make one token: the second sees the first one's.
    work.lock_log()
    if work.connection.scalar(scope.select(TOKENS, TOKENS.c.id).limit(1)) is not None:
        return None
    return _make(work, scope, caller, _ADMIN, "the first admin", None)


def rescue(work: Writing, caller: Caller) -> Issued:
    """Make one more admin's token, for who has lost theirs and has the database itself. Raises ForbiddenError."""
    scope = listing(work, caller, Action.TOKENS_FIRST)
    return _make(work, scope, caller, _ADMIN, "made beside the service", None)


def read(work: Reading, caller: Caller, token_id: str) -> Token:
    """Return a token. Raises NotFoundError."""
    scope = listing(work, caller, Action.TOKENS_READ)
    return _read(work, scope, token_id)


def page(
    work: Reading,
    caller: Caller,
    tenant: str | None = None,
    ask: Ask = FIRST,
) -> Page[Token]:
    """Return the tokens of a tenant, or all that the caller may see, the latest first."""
    scope = listing(work, caller, Action.TOKENS_READ, tenant)
    return fetch(work, scope.select(TOKENS), _ORDER, ask, _made)


def revoke(work: Writing, caller: Caller, token_id: str) -> Token:
    """End a token, from now on; one that was revoked stays as it is. Raises NotFoundError."""
    scope = listing(work, caller, Action.TOKENS_WRITE)
    live = TOKENS.c.revoked.is_(None)
    mine = TOKENS.c.id == known("token", token_id)
    if work.change(scope.update(TOKENS).where(mine, live).values(revoked=work.now)):
        found = _read(work, scope, token_id)
        work.note(caller, found.tenant, "tokens.revoke", f"token/{token_id}", label=found.label)
        return found
    return _read(work, scope, token_id)


def authenticate(database: Database, given: str) -> Caller:
    """Return who holds a token, and note that it was used (to the minute). Raises AuthenticationError.

    This is where callers come from, and the one function that has none.
    """
    with database.reading() as work:
        found = _checked(work, given)
    stale = found.used is None or found.used < work.now - _TOUCH_SECONDS
    if stale:
        # Whoever only looks is let in although the disk is full, or another one writes for long.
        with suppress(StoreError), database.writing() as writing:
            touched = everybody().update(TOKENS).where(TOKENS.c.id == found.id)
            writing.change(touched.values(used=writing.now))
    return Caller(found.tenant, found.role, found.scopes, found.id, found.label)


def _checked(work: Reading, given: str) -> Token:
    parts = _TEXT.fullmatch(given)
    if parts is None:
        raise AuthenticationError
    row: Any = work.connection.execute(
        everybody().select(TOKENS).where(TOKENS.c.id == parts[1])
    ).first()
    # A token that is not there costs the same comparison as one that is.
    right = hmac.compare_digest(_hashed(parts[2]), _NOBODY if row is None else row.hash)
    if row is None or not right or row.revoked is not None:
        raise AuthenticationError
    if row.expires is not None and row.expires <= work.now:
        raise AuthenticationError
    return _made(row)


def _whose(work: Writing, caller: Caller, tenant: str | None) -> Scope:
    if tenant is None and caller.tenant is not None:
        check(caller, Action.TOKENS_WRITE)
        raise ForbiddenError("a token cannot allow what its maker may not do", "name your tenant")
    return listing(work, caller, Action.TOKENS_WRITE, tenant)


def _check_until(work: Writing, caller: Caller, expires: float | None) -> None:
    """Raise ForbiddenError for a token that would outlast the one that makes it: who is let in for a day would stay."""
    mine = everybody().select(TOKENS, TOKENS.c.expires).where(TOKENS.c.id == caller.token_id)
    until: float | None = work.connection.scalar(mine)
    if until is not None and (expires is None or expires > until):
        last = datetime.fromtimestamp(until, UTC).isoformat(timespec="seconds")
        raise ForbiddenError(
            "a token cannot outlast the one that makes it", f"have it expire by {last}"
        )


def _make(
    work: Writing,
    scope: Scope,
    caller: Caller,
    holder: Caller,
    label: str,
    expires: float | None,
) -> Issued:
    token_id, secret = secrets.token_hex(8), secrets.token_hex(32)
    scopes = sorted(holder.scopes)
    row = {
        "id": token_id,
        "label": text("label", label, 200),
        "hash": _hashed(secret),
        "role": holder.role.value,
        "scopes": json.dumps(scopes),
        "expires": expires,
        "author": caller.who,
        "created": work.now,
    }
    work.change(scope.insert(work, TOKENS, **row))
    details = {"role": holder.role.value, "scopes": scopes, "label": label}
    work.note(caller, holder.tenant, "tokens.issue", f"token/{token_id}", **details)
    return Issued(_read(work, scope, token_id), f"by_{token_id}_{secret}")


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


def _read(work: Reading, scope: Scope, token_id: str) -> Token:
    wanted = scope.select(TOKENS).where(TOKENS.c.id == known("token", token_id))
    row = work.connection.execute(wanted).first()
    if row is None:
        raise NotFoundError("token", token_id)
    return _made(row)


def _made(row: Any) -> Token:
    return Token(
        id=row.id,
        tenant=row.tenant,
        label=row.label,
        role=Role(row.role),
        scopes=frozenset(json.loads(row.scopes)),
        expires=row.expires,
        used=row.used,
        revoked=row.revoked,
        author=row.author,
        created=row.created,
    )
