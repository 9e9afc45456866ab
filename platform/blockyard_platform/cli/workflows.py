"""``blockyard workflows``: the documents that a server stores, in versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from blockyard_platform.cli.family import Family
from blockyard_platform.cli.inputs import read_text
from blockyard_platform.cli.remote import LIMIT, remote
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from blockyard_platform.cli.remote import Remote

_COLUMNS = ("name", "version", "note", "author", "created")


@click.group("workflows", cls=Family)
def command() -> None:
    """Store workflows, in versions, and show them."""


@command.command("list")
@LIMIT
@remote
def _list(remote: Remote, limit: int | None) -> None:
    """List the newest version of each, by name."""
    remote.out.rows(remote.client.list_workflows(remote.tenant), _COLUMNS, limit)


@command.command("versions")
@click.argument("name")
@LIMIT
@remote
def _versions(remote: Remote, name: str, limit: int | None) -> None:
    """List the versions of a workflow, the newest first."""
    found = remote.client.list_workflow_versions(name, tenant=remote.tenant)
    remote.out.rows(found, _COLUMNS, limit)


@command.command("show")
@click.argument("name")
@click.option("--version", type=click.IntRange(1), help="A version; without it, the newest.")
@remote
def _show(remote: Remote, name: str, version: int | None) -> None:
    """Show a workflow as it was written."""
    if version is None:
        found = remote.client.get_workflow(name, tenant=remote.tenant)
    else:
        found = remote.client.get_workflow_version(name, version, tenant=remote.tenant)
    remote.out.text(found.text, found)


@command.command("put")
@click.argument("file")
@click.option("--name", metavar="NAME", help="What it is called; without it, the document's name.")
@click.option("--note", "why", metavar="TEXT", help="Why it was changed.")
@remote
def _put(remote: Remote, file: str, name: str | None, why: str | None) -> None:
    """Store the workflow in FILE (- for standard input) as the newest version."""
    text = read_text(file)
    found = remote.client.put_workflow(
        name or _name(file, text), text, note=why, tenant=remote.tenant
    )
    words = f"The workflow {found.name} has version {found.version}."
    remote.out.done(words, **found.model_dump(mode="json"))


@command.command("diff")
@click.argument("name")
@click.argument("version", type=click.IntRange(1))
@click.argument("to", type=click.IntRange(1))
@remote
def _diff(remote: Remote, name: str, version: int, to: int) -> None:
    """Show what version TO of a workflow has otherwise than VERSION."""
    found = remote.client.diff_workflows(name, version, to, tenant=remote.tenant)
    remote.out.text(found.diff, found)


def _name(file: str, text: str) -> str:
    from blockyard_platform.loading import load_document

    name = load_document(text).data.get("name")
    if isinstance(name, str) and name:
        return name
    if file != "-":
        return Path(file).stem
    problem = Problem("missing-key", "", "the document has no name", "give --name")
    raise InvalidDocumentError([problem])
