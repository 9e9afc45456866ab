"""``blockyard webhooks``: who is told when runs end or ask, by signed requests, and what has not arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from blockyard_platform.cli.family import Family
from blockyard_platform.cli.remote import EVERYWHERE, LIMIT, remote

if TYPE_CHECKING:
    from blockyard_platform.cli.remote import Remote
    from blockyard_platform.service.api.models.hooks import Event

_EVENTS = ("run.succeeded", "run.failed", "run.cancelled", "approval.asked")


@click.group("webhooks", cls=Family)
def command() -> None:
    """Webhooks that go out: who is told when runs end or ask, and what has not arrived."""


@command.command("list")
@EVERYWHERE
@LIMIT
@remote
def _list(remote: Remote, limit: int | None, *, all_tenants: bool) -> None:
    """List who is told of what, by tenant and name."""
    found = remote.client.list_subscriptions(remote.whose(everyone=all_tenants))
    remote.out.rows(
        found, ("tenant", "name", "url", "events", "secret", "enabled", "problem"), limit
    )


@command.command("put")
@click.argument("name")
@click.option("--url", required=True, help="Who is told; the policy must allow the host.")
@click.option(
    "--event", "events", multiple=True, required=True, type=click.Choice(_EVENTS), help="Of what."
)
@click.option("--secret", metavar="NAME", required=True, help="The secret that signs, by its name.")
@click.option("--disabled", is_flag=True, help="Do not tell yet.")
@remote
def _put(
    remote: Remote, name: str, url: str, events: tuple[Event, ...], secret: str, *, disabled: bool
) -> None:
    """Have URL told of events, or change that as a whole; one that was switched off goes on."""
    found = remote.client.put_subscription(
        name, url=url, events=events, secret=secret, enabled=not disabled, tenant=remote.tenant
    )
    remote.out.one(found)


@command.command("delete")
@click.argument("name")
@remote
def _delete(remote: Remote, name: str) -> None:
    """Tell NAME no more; what was still to be sent is dropped."""
    remote.client.delete_subscription(name, tenant=remote.tenant)
    remote.out.done(f"The webhook {name} is gone.", name=name, deleted=True)


@command.command("waiting")
@EVERYWHERE
@LIMIT
@remote
def _waiting(remote: Remote, limit: int | None, *, all_tenants: bool) -> None:
    """List what has not arrived, the latest first; without a time that it is due, it was tried too often."""
    found = remote.client.list_deliveries(remote.whose(everyone=all_tenants))
    columns = ("id", "tenant", "subscription", "event", "made", "due", "tries", "problem")
    remote.out.rows(found, columns, limit)


@command.command("again")
@click.argument("delivery")
@remote
def _again(remote: Remote, delivery: str) -> None:
    """Send DELIVERY, which was tried too often, once more."""
    remote.client.send_again(delivery, tenant=remote.tenant)
    remote.out.done("It is sent again.", id=delivery, again=True)
