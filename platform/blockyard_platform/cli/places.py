"""Whether a verb that knows both means a journal of this machine or a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from blockyard_platform.cli.account import has_server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_platform.cli.remote import Remote

JOURNAL = click.option(
    "--journal",
    metavar="FILE",
    envvar="BLOCKYARD_JOURNAL",
    help="The file, or a database's URL, that has the run (or BLOCKYARD_JOURNAL), not a server.",
)


def is_local(remote: Remote, journal: str | None) -> bool:
    """Whether a journal is meant: it is named, and no server is by a flag. Raises UsageError when neither is known."""
    if remote.given.server is not None:
        return False
    if journal is None and not has_server():
        raise click.UsageError("Give --journal FILE, or log in to a server: blockyard login URL.")
    if journal is not None:
        refuse("that is for a server; --journal, or BLOCKYARD_JOURNAL, is given", remote.flags)
    return journal is not None


def refuse(what: str, given: Mapping[str, object]) -> None:
    """Raise UsageError for options that mean nothing where the run is."""
    named = [f"--{name.replace('_', '-')}" for name, value in given.items() if value]
    if named:
        raise click.UsageError(f"{', '.join(named)}: {what}.")
