"""Webhooks that go out: who is told of the ends of runs, and what has not arrived; and what is about to begin by itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from blockyard_platform.service.api.depends import By, Here, Name, OfTenant, Paging, Tenant
from blockyard_platform.service.api.models.base import Paged, paged
from blockyard_platform.service.api.models.hooks import (
    DeliveryOut,
    OrderOut,
    SubscriptionIn,
    SubscriptionOut,
)
from blockyard_platform.service.api.routing import V1, Guarded
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.scheduler import orders, outgoing, subscriptions

Delivery = Annotated[str, Path(description="The id of a delivery.")]


def put_subscription(
    parts: Here, caller: By, tenant: Tenant, name: Name, body: SubscriptionIn
) -> SubscriptionOut:
    """Make a subscription, or change it as a whole."""
    with parts.database.writing() as work:
        found = subscriptions.put(
            work, caller, tenant, name, body.url, body.events, body.secret, enabled=body.enabled
        )
    return SubscriptionOut.of(found)


def list_subscriptions(
    parts: Here, caller: By, ask: Paging, tenant: OfTenant = None
) -> Paged[SubscriptionOut]:
    """List subscriptions, by name."""
    with parts.database.reading() as work:
        return paged(subscriptions.page(work, caller, tenant, ask), SubscriptionOut.of)


def delete_subscription(parts: Here, caller: By, tenant: Tenant, name: Name) -> None:
    """Take a subscription away, with what was to be sent to it."""
    with parts.database.writing() as work:
        subscriptions.delete(work, caller, tenant, name)


def list_deliveries(
    parts: Here, caller: By, ask: Paging, tenant: OfTenant = None
) -> Paged[DeliveryOut]:
    """List webhooks that are to be sent, and those that were tried too often, the latest first."""
    with parts.database.reading() as work:
        return paged(outgoing.page(work, caller, tenant, ask), DeliveryOut.of)


def send_again(parts: Here, caller: By, tenant: Tenant, delivery: Delivery) -> None:
    """Send a webhook that was tried too often once more, as if it were new."""
    with parts.database.writing() as work:
        outgoing.again(work, caller, tenant, delivery)
    parts.scheduling.sender.nudge()


def list_orders(parts: Here, caller: By, ask: Paging, tenant: OfTenant = None) -> Paged[OrderOut]:
    """List runs that schedules and other runs have ordered and that have not begun, and those that never will, with the reason."""
    with parts.database.reading() as work:
        return paged(orders.page(work, caller, tenant, ask), OrderOut.of)


_ONE = f"{V1}/tenants/{{tenant}}/subscriptions/{{name}}"
_AGAIN = f"{V1}/tenants/{{tenant}}/deliveries/{{delivery}}/again"
_READ, _WRITE = Action.HOOKS_READ, Action.HOOKS_WRITE


def routes() -> tuple[Guarded, ...]:
    """Return the routes of this subject."""
    return (
        Guarded(
            "GET",
            f"{V1}/subscriptions",
            list_subscriptions,
            _READ,
            gives=Paged[SubscriptionOut],
        ),
        Guarded("PUT", _ONE, put_subscription, _WRITE, gives=SubscriptionOut),
        Guarded("DELETE", _ONE, delete_subscription, _WRITE, status=204),
        Guarded("GET", f"{V1}/deliveries", list_deliveries, _READ, gives=Paged[DeliveryOut]),
        Guarded("POST", _AGAIN, send_again, _WRITE, status=204),
        Guarded("GET", f"{V1}/orders", list_orders, Action.SCHEDULES_READ, gives=Paged[OrderOut]),
    )
