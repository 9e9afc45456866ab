"""Tokens, and who asks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from blockyard_platform.client.binding import operation, series
from blockyard_platform.client.calls import Call, delete, get, model, send
from blockyard_platform.client.effects import Stream
from blockyard_platform.client.errors import UsageError
from blockyard_platform.client.flows import pages
from blockyard_platform.client.place import Placed, path
from blockyard_platform.service.api.models.base import Paged
from blockyard_platform.service.api.models.tokens import IssuedOut, MeOut, RoleName, TokenOut


class TokenOperations(Placed):
    """What can be asked of tokens."""

    @operation
    def get_me(self) -> Call[MeOut]:
        """Return who asks, and what they may do."""
        return get(path("me"), model(MeOut))

    @operation
    def create_token(
        self,
        role: RoleName,
        *,
        tenant: str | None,
        label: str = "",
        scopes: Sequence[str] = ("*",),
        expires: datetime | None = None,
    ) -> Call[IssuedOut]:
        """Make a token for a tenant, or (None) for all of them. Its text is in this answer alone."""
        if expires is not None and expires.tzinfo is None:
            raise UsageError("expires has no time zone", "give it one: tzinfo=UTC")
        body = {
            "tenant": tenant,
            "role": role,
            "label": label,
            "scopes": list(scopes),
            "expires": None if expires is None else expires.isoformat(),
        }
        return send("POST", path("tokens"), model(IssuedOut), body)

    @series
    def list_tokens(
        self, tenant: str | None = None, *, limit: int | None = None
    ) -> Stream[TokenOut]:
        """Yield tokens without their secrets, the latest first: a tenant's, or without one all that you may see."""
        query = {"tenant": tenant, "limit": limit}
        return pages(get(path("tokens"), model(Paged[TokenOut]), query), self.place.retry)

    @operation
    def get_token(self, token: str) -> Call[TokenOut]:
        """Look at a token, by its id."""
        return get(path("tokens", ("token", token)), model(TokenOut))

    @operation
    def revoke_token(self, token: str) -> Call[TokenOut]:
        """End a token, by its id, from now on."""
        return delete(path("tokens", ("token", token)), model(TokenOut), removes=False)
