"""``blockyard tokens``: who may ask a server, and for what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from blockyard_platform.cli.exits import Exit
from blockyard_platform.cli.family import Family
from blockyard_platform.cli.moments import ahead
from blockyard_platform.cli.remote import EVERYWHERE, LIMIT, remote
from blockyard_platform.cli.report import note, print_json, print_problems
from blockyard_platform.cli.serving import load_settings, place_options
from blockyard_platform.cli.showing import one_line
from blockyard_schemas.problems import InvalidDocumentError

if TYPE_CHECKING:
    from blockyard_platform.cli.remote import Remote
    from blockyard_platform.service.api.models.tokens import RoleName

_COLUMNS = ("id", "tenant", "role", "label", "expires", "used", "revoked")


@click.group("tokens", cls=Family)
def command() -> None:
    """Tokens: who may ask a server, and for what."""


@command.command("list")
@EVERYWHERE
@LIMIT
@remote
def _list(remote: Remote, limit: int | None, *, all_tenants: bool) -> None:
    """List tokens without their secrets, the latest first."""
    found = remote.client.list_tokens(remote.whose(everyone=all_tenants))
    remote.out.rows(found, _COLUMNS, limit)


@command.command("create")
@click.argument("role", type=click.Choice(["admin", "author", "operator", "viewer"]))
@click.option("--label", metavar="TEXT", default="", help="What it is for.")
@click.option(
    "--scope", "scopes", metavar="SCOPE", multiple=True, help="runs:read, runs:*; by default all."
)
@click.option("--expires", metavar="WHEN", help="30d, 12h, or a time such as 2027-01-31T12:00Z.")
@click.option("--all-tenants", is_flag=True, help="For the platform's own people.")
@remote
def _create(
    remote: Remote,
    role: RoleName,
    label: str,
    scopes: tuple[str, ...],
    expires: str | None,
    *,
    all_tenants: bool,
) -> None:
    """Make a token of ROLE for a tenant. Its text is printed this once, to standard output."""
    issued = remote.client.create_token(
        role,
        tenant=None if all_tenants else remote.tenant,
        label=label,
        scopes=scopes or ("*",),
        expires=None if expires is None else ahead(expires),
    )
    if remote.out.as_json:
        print_json(issued.model_dump(mode="json"))
        return
    click.echo(one_line(issued.text))
    whose = issued.token.tenant or "all tenants"
    note(f"The token {issued.token.id} is {role} of {whose}. It is not shown again.")


@command.command("show")
@click.argument("id")
@remote
def _show(remote: Remote, id: str) -> None:  # noqa: A002 - the name of the argument
    """Show a token, without its secret."""
    remote.out.one(remote.client.get_token(id))


@command.command("revoke")
@click.argument("id")
@remote
def _revoke(remote: Remote, id: str) -> None:  # noqa: A002
    """End a token, from now on."""
    found = remote.client.revoke_token(id)
    remote.out.done(
        f"The token {found.id} does not hold any more.", **found.model_dump(mode="json")
    )


@command.command("rescue")
@place_options
def _rescue(**given: Any) -> int:
    """Make one more admin's token, where the database is: for who has lost theirs. The service may run meanwhile, and its audit log tells of it."""
    from blockyard_platform.service.starting import rescued

    try:
        text = rescued(load_settings(given).settings)
    except InvalidDocumentError as error:
        print_problems("tokens rescue", error.problems)
        return Exit.INVALID
    click.echo(text)
    note("It is admin of all tenants, and is not shown again. Revoke the one that was lost.")
    return Exit.SUCCESS
