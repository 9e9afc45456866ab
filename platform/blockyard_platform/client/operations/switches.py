"""Kill switches: what is not to run any more, from now on."""

from __future__ import annotations

from typing import Literal, TypeAlias

from blockyard_platform.client.binding import operation, series
from blockyard_platform.client.calls import Call, get, model, nothing, send
from blockyard_platform.client.effects import Stream
from blockyard_platform.client.flows import pages
from blockyard_platform.client.place import Placed, path
from blockyard_platform.service.api.models.base import Paged
from blockyard_platform.service.api.models.switches import SwitchOut

Kind: TypeAlias = Literal["tenant", "workflow", "block", "image", "package"]


class SwitchOperations(Placed):
    """What can be asked of switches."""

    @operation
    def stop_something(
        self, kind: Kind, name: str, reason: str, *, tenant: str | None = None
    ) -> Call[SwitchOut]:
        """Stop something for a tenant, or without one for all that are yours; again, with another reason, replaces the reason."""
        body = {"kind": kind, "name": name, "reason": reason, "tenant": tenant}
        return send("PUT", path("switches"), model(SwitchOut), body)

    @operation
    def lift_switch(
        self, kind: Kind, name: str, *, tenant: str | None = None, owner: str | None = None
    ) -> Call[None]:
        """Let something run again; ``owner`` is the tenant whose own people have stopped it."""
        body = {"kind": kind, "name": name, "tenant": tenant, "owner": owner}
        return send("POST", path("switches", "lift"), nothing, body)

    @series
    def list_switches(
        self, tenant: str | None = None, *, limit: int | None = None
    ) -> Stream[SwitchOut]:
        """Yield what is stopped, as far as it concerns you, or a tenant."""
        query = {"tenant": tenant, "limit": limit}
        return pages(get(path("switches"), model(Paged[SwitchOut]), query), self.place.retry)
