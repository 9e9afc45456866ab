"""``blockyard schedules``: when stored workflows are run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from blockyard_platform.cli.declared import given_params, params_of_text
from blockyard_platform.cli.family import Family
from blockyard_platform.cli.options import PARAM, PARAMS, options
from blockyard_platform.cli.remote import EVERYWHERE, LIMIT, remote
from blockyard_platform.cli.report import print_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_platform.cli.remote import Remote

_COLUMNS = ("tenant", "name", "workflow", "cron", "timezone", "enabled", "next_at", "last_at")


@click.group("schedules", cls=Family)
def command() -> None:
    """Schedules: when stored workflows are run."""


@command.command("list")
@EVERYWHERE
@LIMIT
@remote
def _list(remote: Remote, limit: int | None, *, all_tenants: bool) -> None:
    """List schedules, by tenant and name."""
    found = remote.client.list_schedules(remote.whose(everyone=all_tenants))
    remote.out.rows(found, _COLUMNS, limit)


@command.command("show")
@click.argument("name")
@click.option("--times", type=click.IntRange(1, 100), default=5, help="Times to come (5).")
@remote
def _show(remote: Remote, name: str, times: int) -> None:
    """Show a schedule, and when it is due next."""
    found = remote.client.get_schedule(name, tenant=remote.tenant)
    coming = remote.client.list_next_times(name, count=times, tenant=remote.tenant)
    said = coming.model_dump(mode="json")["items"]
    if remote.out.as_json:
        print_json(found.model_dump(mode="json") | {"times": said})
        return
    remote.out.one(found)
    remote.out.fields({"times": said})


@command.command("put")
@click.argument("name")
@click.option("--workflow", metavar="NAME", required=True, help="The stored workflow that is run.")
@click.option("--cron", metavar="TEXT", required=True, help="Five fields, such as '0 6 * * 1-5'.")
@click.option("--timezone", metavar="ZONE", default="UTC", help="The clock that is meant (UTC).")
@click.option("--version", type=click.IntRange(1), help="The version; without it, the newest.")
@options(PARAM, PARAMS)
@click.option(
    "--missed",
    metavar="WORD",
    default="once",
    help="What becomes of missed times: once, skip, all.",
)
@click.option(
    "--overlap", metavar="WORD", default="skip", help="What is done while a run is under way."
)
@click.option("--disabled", is_flag=True, help="Do not run it yet.")
@remote
def _put(
    remote: Remote,
    name: str,
    workflow: str,
    version: int | None,
    pairs: tuple[str, ...],
    params_file: str | None,
    *,
    disabled: bool,
    **more: Any,
) -> None:
    """Make a schedule, or change it as a whole."""

    def declared() -> Mapping[str, Any]:
        return params_of_text(remote.client.get_workflow(workflow, tenant=remote.tenant).text)

    found = remote.client.put_schedule(
        name,
        workflow=workflow,
        version=version,
        params=given_params(pairs, params_file, declared),
        enabled=not disabled,
        tenant=remote.tenant,
        **more,
    )
    remote.out.one(found)


@command.command("enable")
@click.argument("name")
@remote
def _enable(remote: Remote, name: str) -> None:
    """Run a schedule from now on."""
    _turn(remote, name, enabled=True)


@command.command("disable")
@click.argument("name")
@remote
def _disable(remote: Remote, name: str) -> None:
    """Do not run a schedule any more, for the time being."""
    _turn(remote, name, enabled=False)


@command.command("waiting")
@EVERYWHERE
@LIMIT
@remote
def _waiting(remote: Remote, limit: int | None, *, all_tenants: bool) -> None:
    """List runs that are to begin by themselves and have not, and those that never will, with the reason."""
    found = remote.client.list_orders(remote.whose(everyone=all_tenants))
    remote.out.rows(found, ("tenant", "workflow", "origin", "at", "tries", "problem"), limit)


@command.command("delete")
@click.argument("name")
@remote
def _delete(remote: Remote, name: str) -> None:
    """Take a schedule away."""
    remote.client.delete_schedule(name, tenant=remote.tenant)
    remote.out.done(f"The schedule {name} is gone.", name=name, deleted=True)


def _turn(remote: Remote, name: str, *, enabled: bool) -> None:
    from typing import cast

    now = remote.client.get_schedule(name, tenant=remote.tenant)
    found = remote.client.put_schedule(
        name,
        workflow=now.workflow,
        cron=now.cron,
        timezone=now.timezone,
        version=now.version,
        params=now.params,
        missed=cast("Any", now.missed),
        overlap=cast("Any", now.overlap),
        enabled=enabled,
        tenant=remote.tenant,
    )
    remote.out.one(found)
