"""Tokens, and who asks."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AwareDatetime, Field

from blockyard_platform.service.api.models.base import At, In, Out

_Scope: TypeAlias = Annotated[str, Field(max_length=60)]
RoleName: TypeAlias = Literal["admin", "author", "operator", "viewer"]


class TokenIn(In):
    """A token to be made."""

    tenant: Annotated[str, Field(max_length=63)] | None
    """Whose; null is for all tenants."""
    role: RoleName
    label: Annotated[str, Field(max_length=200)] = ""
    """What it is for."""
    scopes: Annotated[tuple[_Scope, ...], Field(max_length=100)] = ("*",)
    """What of the role's actions it allows: ``runs:read``, ``runs:*``, ``*``."""
    expires: AwareDatetime | None = None
    """When it ends; null is never."""


class TokenOut(Out):
    """A token, without its secret."""

    id: str
    tenant: str | None
    label: str
    role: str
    scopes: list[str]
    expires: At | None
    used: At | None
    """When it was last used, to the minute."""
    revoked: At | None
    author: str
    created: At


class IssuedOut(Out):
    """A new token. ``text`` is what its holder needs, and is shown here alone."""

    token: TokenOut
    text: str


class MeOut(Out):
    """Who asks, and what they may do."""

    who: str
    """The id of the token."""
    tenant: str | None
    """Whose it is; null is for all tenants."""
    role: str
    scopes: list[str]
    actions: list[str]
