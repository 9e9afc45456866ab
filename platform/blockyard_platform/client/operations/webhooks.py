"""Webhooks: requests that come in, who is told of the ends of runs, and what has not arrived."""

from __future__ import annotations

from collections.abc import Collection

from blockyard_platform.client.binding import operation, series
from blockyard_platform.client.calls import Call, delete, get, model, nothing, send
from blockyard_platform.client.effects import Stream
from blockyard_platform.client.flows import pages
from blockyard_platform.client.place import Placed, path
from blockyard_platform.service.api.models.base import Paged
from blockyard_platform.service.api.models.hooks import (
    DeliveryOut,
    Event,
    OrderOut,
    SubscriptionOut,
)


class WebhookOperations(Placed):
    """What can be asked of webhooks that go out, and of what is about to begin by itself."""

    @operation
    def put_subscription(
        self,
        name: str,
        *,
        url: str,
        events: Collection[Event],
        secret: str,
        enabled: bool = True,
        tenant: str | None = None,
    ) -> Call[SubscriptionOut]:
        """Make a subscription, or change it as a whole; ``secret`` is the name of the secret that signs."""
        body = {"url": url, "events": list(events), "secret": secret, "enabled": enabled}
        return send("PUT", self._told(name, tenant), model(SubscriptionOut), body)

    @series
    def list_subscriptions(
        self, tenant: str | None = None, *, limit: int | None = None
    ) -> Stream[SubscriptionOut]:
        """Yield subscriptions by tenant and name: a tenant's, or without one all that you may see."""
        query = {"tenant": tenant, "limit": limit}
        first = get(path("subscriptions"), model(Paged[SubscriptionOut]), query)
        return pages(first, self.place.retry)

    @operation
    def delete_subscription(self, name: str, *, tenant: str | None = None) -> Call[None]:
        """Take a subscription away, with what was to be sent to it."""
        return delete(self._told(name, tenant), nothing)

    @series
    def list_deliveries(
        self, tenant: str | None = None, *, limit: int | None = None
    ) -> Stream[DeliveryOut]:
        """Yield webhooks that are to be sent, and those that were tried too often, the latest first."""
        query = {"tenant": tenant, "limit": limit}
        return pages(get(path("deliveries"), model(Paged[DeliveryOut]), query), self.place.retry)

    @operation
    def send_again(self, delivery: str, *, tenant: str | None = None) -> Call[None]:
        """Send a webhook that was tried too often once more, as if it were new."""
        where = self.place.of(tenant, "deliveries", ("delivery", delivery), "again")
        return send("POST", where, nothing, {})

    @series
    def list_orders(
        self, tenant: str | None = None, *, limit: int | None = None
    ) -> Stream[OrderOut]:
        """Yield runs that schedules and other runs have ordered and that have not begun, and those that never will."""
        query = {"tenant": tenant, "limit": limit}
        return pages(get(path("orders"), model(Paged[OrderOut]), query), self.place.retry)

    def _told(self, name: str, tenant: str | None) -> str:
        return self.place.of(tenant, "subscriptions", ("subscription", name))
