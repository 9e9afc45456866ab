"""``blockyard switches``: what is not to run any more, from now on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from blockyard_platform.cli.family import Family
from blockyard_platform.cli.remote import EVERYWHERE, LIMIT, remote

if TYPE_CHECKING:
    from blockyard_platform.cli.remote import Remote
    from blockyard_platform.client.operations.switches import Kind

_KIND = click.argument(
    "kind", type=click.Choice(["tenant", "workflow", "block", "image", "package"])
)
_ALL = click.option("--all-tenants", is_flag=True, help="For all tenants, not for one.")


@click.group("switches", cls=Family)
def command() -> None:
    """Stop what is not to run any more, from now on, and let it run again."""


@command.command("list")
@EVERYWHERE
@LIMIT
@remote
def _list(remote: Remote, limit: int | None, *, all_tenants: bool) -> None:
    """List what is stopped, as far as it concerns you."""
    found = remote.client.list_switches(remote.whose(everyone=all_tenants))
    columns = ("kind", "name", "tenant", "owner", "reason", "author", "created")
    remote.out.rows(found, columns, limit)


@command.command("stop")
@_KIND
@click.argument("name")
@click.option("--reason", metavar="TEXT", required=True, help="Whoever is stopped is told.")
@_ALL
@remote
def _stop(remote: Remote, kind: Kind, name: str, reason: str, *, all_tenants: bool) -> None:
    """Stop NAME: a tenant, a workflow, a block or a family of blocks (http.*), an image, a package. Runs that use it end."""
    tenant = _whose(remote, kind, name, all_tenants=all_tenants)
    remote.out.one(remote.client.stop_something(kind, name, reason, tenant=tenant))


@command.command("lift")
@_KIND
@click.argument("name")
@click.option("--owner", metavar="TENANT", help="The tenant whose own people have stopped it.")
@_ALL
@remote
def _lift(remote: Remote, kind: Kind, name: str, owner: str | None, *, all_tenants: bool) -> None:
    """Let NAME run again."""
    tenant = _whose(remote, kind, name, all_tenants=all_tenants)
    remote.client.lift_switch(kind, name, tenant=tenant, owner=owner)
    remote.out.done(f"{name} may run again.", kind=kind, name=name, tenant=tenant, lifted=True)


def _whose(remote: Remote, kind: str, name: str, *, all_tenants: bool) -> str | None:
    """Return for whom: a tenant that is stopped is stopped for itself."""
    if all_tenants:
        return None
    return name if kind == "tenant" else remote.tenant
