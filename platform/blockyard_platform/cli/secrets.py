"""``blockyard secrets``: what a tenant's blocks are given by name. What a secret holds goes in, and never comes out."""  # noqa: A005

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from blockyard_platform.cli.exits import Exit
from blockyard_platform.cli.family import Family
from blockyard_platform.cli.remote import LIMIT, remote
from blockyard_platform.cli.report import note, print_problems
from blockyard_platform.cli.serving import load_settings, place_options
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from blockyard_platform.cli.remote import Remote

_MOST = 64 * 1024


@click.group("secrets", cls=Family)
def command() -> None:
    """Store a tenant's secrets. What one holds goes in, and never comes out."""


@command.command("list")
@LIMIT
@remote
def _list(remote: Remote, limit: int | None) -> None:
    """List secrets by name, without what they hold."""
    found = remote.client.list_secrets(remote.tenant)
    remote.out.rows(found, ("name", "version", "author", "created"), limit)


@command.command("set")
@click.argument("name")
@click.option("--exact", is_flag=True, help="Keep the line break at the end of standard input.")
@remote
def _set(remote: Remote, name: str, *, exact: bool) -> None:
    """Store what NAME holds from now on: from standard input, or asked for on a terminal. It is never an argument."""
    found = remote.client.put_secret(name, _value(exact=exact), tenant=remote.tenant)
    words = f"The secret {found.name} has version {found.version}."
    remote.out.done(words, **found.model_dump(mode="json"))


@command.command("delete")
@click.argument("name")
@remote
def _delete(remote: Remote, name: str) -> None:
    """Take a secret away, with all that it held."""
    remote.client.delete_secret(name, tenant=remote.tenant)
    remote.out.done(f"The secret {name} is gone.", name=name, deleted=True)


@command.command("add-key")
@place_options
def _add_key(**given: Any) -> int:
    """Add a key that seals secrets to the key file of this machine. Start every process anew then, and have `reseal` follow."""
    from blockyard_platform.service.rekeying import add_key

    try:
        settings = load_settings(given).settings
        added = add_key(settings)
    except InvalidDocumentError as error:
        print_problems("secrets add-key", error.problems)
        return Exit.INVALID
    click.echo(added)
    note(f"It is the newest key of {settings.keys_file}. Copy the file to where the others are,")
    note("start every process anew, the servers last, and then: blockyard secrets reseal")
    return Exit.SUCCESS


@command.command("reseal")
@place_options
def _reseal(**given: Any) -> int:
    """Seal all secrets with the newest key, where the database and the key file are. Processes that were not started anew do not open them."""
    from blockyard_platform.service.rekeying import reseal

    try:
        done = reseal(load_settings(given).settings)
    except InvalidDocumentError as error:
        print_problems("secrets reseal", error.problems)
        return Exit.INVALID
    for each in done.shut:
        note(f"{each}; it stays as it is")
    click.echo(f"Sealed with the key {done.newest}: {done.count}")
    if not done.shut:
        note("The lines of older keys may be taken out of the key files; older backups need them.")
    return Exit.FAILED if done.shut else Exit.SUCCESS


def _value(*, exact: bool) -> str:
    if sys.stdin.isatty():
        value: str = click.prompt("Value", hide_input=True, confirmation_prompt=True, err=True)
        return value
    data = sys.stdin.buffer.read(_MOST + 1)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise _wrong("what came from standard input is not UTF-8") from None
    if len(data) > _MOST:
        raise _wrong(f"a secret holds at most {_MOST} bytes")
    text = text if exact else text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise _wrong("nothing came from standard input")
    return text


def _wrong(message: str) -> InvalidDocumentError:
    hint = "pipe the value in, such as: blockyard secrets set key < file"
    return InvalidDocumentError([Problem("secret", "", message, hint)])
