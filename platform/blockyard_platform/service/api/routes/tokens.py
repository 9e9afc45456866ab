"""Tokens, and who asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from blockyard_platform.service.api.depends import By, Here, OfTenant, Paging
from blockyard_platform.service.api.models.base import Paged, paged
from blockyard_platform.service.api.models.tokens import IssuedOut, MeOut, TokenIn, TokenOut
from blockyard_platform.service.api.routing import V1, Gate, Guarded
from blockyard_platform.service.registry import tokens
from blockyard_platform.service.registry.callers import Action, Role

TokenId = Annotated[str, Path(description="The id of a token: 16 hexadecimal digits.")]


def get_me(caller: By) -> MeOut:
    """Say who asks, and what they may do."""
    return MeOut(
        who=caller.who,
        tenant=caller.tenant,
        role=caller.role.value,
        scopes=sorted(caller.scopes),
        actions=sorted(caller.actions()),
    )


def create_token(parts: Here, caller: By, body: TokenIn) -> IssuedOut:
    """Make a token, which is shown this once."""
    expires = None if body.expires is None else body.expires.timestamp()
    with parts.database.writing() as work:
        found = tokens.issue(
            work,
            caller,
            body.tenant,
            Role(body.role),
            label=body.label,
            scopes=body.scopes,
            expires=expires,
        )
    return IssuedOut(token=_shown(found.token), text=found.text)


def list_tokens(parts: Here, caller: By, ask: Paging, tenant: OfTenant = None) -> Paged[TokenOut]:
    """List tokens, without their secrets, the latest first."""
    with parts.database.reading() as work:
        return paged(tokens.page(work, caller, tenant, ask), _shown)


def get_token(parts: Here, caller: By, token: TokenId) -> TokenOut:
    """Look at a token, without its secret."""
    with parts.database.reading() as work:
        return _shown(tokens.read(work, caller, token))


def revoke_token(parts: Here, caller: By, token: TokenId) -> TokenOut:
    """End a token, from now on."""
    with parts.database.writing() as work:
        return _shown(tokens.revoke(work, caller, token))


def _shown(token: tokens.Token) -> TokenOut:
    return TokenOut.of(token, role=token.role.value, scopes=sorted(token.scopes))


_ALL = f"{V1}/tokens"
_ONE = f"{_ALL}/{{token}}"


def routes() -> tuple[Guarded, ...]:
    """Return the routes of this subject."""
    return (
        Guarded("GET", f"{V1}/me", get_me, Gate.KNOWN, gives=MeOut),
        Guarded("POST", _ALL, create_token, Action.TOKENS_WRITE, gives=IssuedOut, status=201),
        Guarded("GET", _ALL, list_tokens, Action.TOKENS_READ, gives=Paged[TokenOut]),
        Guarded("GET", _ONE, get_token, Action.TOKENS_READ, gives=TokenOut),
        Guarded("DELETE", _ONE, revoke_token, Action.TOKENS_WRITE, gives=TokenOut),
    )
