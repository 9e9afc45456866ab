"""``blockyard login``: a server and a token, kept for the verbs that ask a server."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from blockyard_platform.cli.account import Account, keep_account, read_token
from blockyard_platform.cli.options import JSON, options
from blockyard_platform.cli.remote import Remote, guarded
from blockyard_platform.cli.report import note, print_json
from blockyard_platform.cli.showing import Out

if TYPE_CHECKING:
    from blockyard_platform.service.api.models.tokens import MeOut


@click.command("login")
@click.argument("server", metavar="URL")
@click.option(
    "--token-file", metavar="FILE", help="A file with the token; without it you are asked."
)
@click.option(
    "--tenant", metavar="NAME", help="The tenant that verbs mean when they name no other."
)
@click.option("--ca", metavar="FILE", help="Authorities to trust instead of the usual ones.")
@click.option("--plaintext", is_flag=True, help="Let the token travel over plain HTTP.")
@options(JSON)
def command(
    server: str,
    token_file: str | None,
    tenant: str | None,
    ca: str | None,
    *,
    plaintext: bool,
    as_json: bool,
) -> int:
    """Keep the service at URL and a token for it, when the service takes the token; in a file that you alone can read."""
    remote = Remote(Account(server, None, tenant, ca, plaintext), token_file, Out(as_json))
    return guarded(remote, lambda: _log_in(remote, token_file))


def _log_in(remote: Remote, token_file: str | None) -> None:
    from pathlib import Path

    from blockyard_platform.client import Client

    given = remote.given
    token = _asked() if token_file is None else read_token(token_file)
    ca = None if given.ca is None else str(Path(given.ca).absolute())
    server = given.server or ""
    with Client(server, token, ca=ca, plaintext=given.plaintext) as client:
        me = client.get_me()
        account = replace(given, token=token, ca=ca, tenant=given.tenant or me.tenant)
        if account.tenant is not None:
            client.get_tenant(account.tenant)
    file = keep_account(account)
    _tell(remote.out, account, me, str(file))


def _asked() -> str:
    if not sys.stdin.isatty():
        return read_token("-")
    found: str = click.prompt("Token", hide_input=True, err=True)
    return found


def _tell(out: Out, account: Account, me: MeOut, file: str) -> None:
    if out.as_json:
        said = {"server": account.server, "tenant": account.tenant, "who": me.who, "role": me.role}
        print_json(said | {"file": file})
        return
    whose = account.tenant or "all tenants"
    note(f"You are {me.role} of {whose} at {account.server}. This is kept in {file}.")
