"""``blockyard tenants``: tenants, what they may use, and what they have used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from blockyard_platform.cli.family import Family
from blockyard_platform.cli.remote import EVERYWHERE, LIMIT, remote

if TYPE_CHECKING:
    from blockyard_platform.cli.remote import Remote

_MIB = 1024 * 1024


@click.group("tenants", cls=Family)
def command() -> None:
    """Tenants, what they may use, and what they have used."""


@command.command("list")
@LIMIT
@remote
def _list(remote: Remote, limit: int | None) -> None:
    """List the tenants that you may see."""
    found = remote.client.list_tenants()
    remote.out.rows(found, ("name", "display", "disabled", "policy_pin", "created"), limit)


@command.command("show")
@click.argument("name", required=False)
@remote
def _show(remote: Remote, name: str | None) -> None:
    """Show a tenant."""
    remote.out.one(remote.client.get_tenant(name or remote.tenant))


@command.command("create")
@click.argument("name")
@click.option("--display", metavar="TEXT", default="", help="What it is called for people.")
@remote
def _create(remote: Remote, name: str, display: str) -> None:
    """Make a tenant. It needs a policy next: blockyard policy put FILE --tenant NAME."""
    remote.out.one(remote.client.create_tenant(name, display))


@command.command("rename")
@click.argument("name")
@click.argument("display")
@remote
def _rename(remote: Remote, name: str, display: str) -> None:
    """Change what a tenant is called for people."""
    remote.out.one(remote.client.rename_tenant(display, tenant=name))


@command.command("quota")
@click.argument("name", required=False)
@click.option("--runs", type=click.IntRange(0), help="Runs a day.")
@click.option("--cpu-seconds", type=click.FloatRange(0), help="CPU seconds a day.")
@click.option("--stored-mib", type=click.IntRange(0), help="MiB that are stored in all.")
@remote
def _quota(
    remote: Remote,
    name: str | None,
    runs: int | None,
    cpu_seconds: float | None,
    stored_mib: int | None,
) -> None:
    """Show what a tenant may use, or change what is given."""
    tenant = name or remote.tenant
    found = remote.client.get_quota(tenant)
    if (runs, cpu_seconds, stored_mib) != (None, None, None):
        found = remote.client.put_quota(
            runs=found.runs if runs is None else runs,
            cpu_seconds=found.cpu_seconds if cpu_seconds is None else cpu_seconds,
            stored_bytes=found.stored_bytes if stored_mib is None else stored_mib * _MIB,
            tenant=tenant,
        )
    remote.out.one(found)


@command.command("usage")
@click.argument("name", required=False)
@EVERYWHERE
@LIMIT
@remote
def _usage(remote: Remote, name: str | None, limit: int | None, *, all_tenants: bool) -> None:
    """List what was used by the day, the latest first."""
    found = remote.client.list_usage(name or remote.whose(everyone=all_tenants))
    remote.out.rows(found, ("tenant", "day", "runs", "cpu_seconds", "stored_bytes"), limit)
