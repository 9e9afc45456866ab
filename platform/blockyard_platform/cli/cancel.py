"""``blockyard cancel``: a run on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from blockyard_platform.cli.remote import remote
from blockyard_platform.cli.report import note, print_json

if TYPE_CHECKING:
    from blockyard_platform.cli.remote import Remote


@click.command("cancel")
@click.argument("run")
@click.option("--reason", metavar="TEXT", default="", help="Why; the audit log has it.")
@click.option("--wait", is_flag=True, help="Wait until it has ended.")
@remote
def command(remote: Remote, run: str, reason: str, *, wait: bool) -> None:
    """Cancel RUN; one that has ended stays as it is."""
    found = remote.client.cancel_run(run, reason=reason, tenant=remote.tenant)
    if wait:
        found = remote.client.wait(run, tenant=remote.tenant)
    if remote.out.as_json:
        print_json(found.model_dump(mode="json"))
    else:
        note(f"{found.id}: {found.state.value}, {found.status.value}")
