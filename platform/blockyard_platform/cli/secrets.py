"""``blockyard secrets``: what a tenant's blocks are given by name. What a secret holds goes in, and never comes out."""  # noqa: A005

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from blockyard_platform.cli.family import Family
from blockyard_platform.cli.remote import LIMIT, remote
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
