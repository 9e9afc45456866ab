"""``blockyard submit``: a run on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from blockyard_platform.cli.declared import given_params, params_of_text
from blockyard_platform.cli.inputs import read_text
from blockyard_platform.cli.options import PARAM, PARAMS, options
from blockyard_platform.cli.remote import remote
from blockyard_platform.cli.report import note, print_json
from blockyard_platform.cli.showing import one_line, state_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_platform.cli.remote import Remote


@click.command("submit")
@click.argument("file", required=False)
@click.option("--workflow", metavar="NAME", help="A stored workflow, instead of a FILE.")
@click.option("--version", type=click.IntRange(1), help="The version; without it, the newest.")
@options(PARAM, PARAMS)
@click.option(
    "--priority",
    type=click.IntRange(-100, 100),
    default=0,
    help="Higher ones of the same tenant go first.",
)
@click.option("--key", metavar="TEXT", help="The same key again is the same run.")
@click.option("--wait", is_flag=True, help="Show what happens until the run has ended.")
@remote
def command(
    remote: Remote,
    file: str | None,
    workflow: str | None,
    version: int | None,
    pairs: tuple[str, ...],
    params_file: str | None,
    priority: int,
    key: str | None,
    *,
    wait: bool,
) -> int:
    """Have the workflow in FILE (YAML or JSON, - for standard input), or a stored one, run on the server; print the run's id."""
    if (file is None) == (workflow is None):
        raise click.UsageError("Give a FILE, or --workflow NAME.")
    if version is not None and workflow is None:
        raise click.UsageError("A --version is that of a --workflow.")
    document = None if file is None else read_text(file)

    def declared() -> Mapping[str, Any]:
        return params_of_text(_stored(remote, workflow, version) if document is None else document)

    run = remote.client.submit(
        document,
        workflow=workflow,
        version=version,
        params=given_params(pairs, params_file, declared),
        priority=priority,
        key=key,
        tenant=remote.tenant,
    )
    if wait:
        from blockyard_platform.cli.waiting import wait_for

        return wait_for(remote, run.accepted)
    if remote.out.as_json:
        print_json(run.accepted.model_dump(mode="json"))
    else:
        click.echo(one_line(run.id))
        note(f"It is {state_words(run.accepted)}. Follow it: blockyard logs {run.id} -f")
    return 0


def _stored(remote: Remote, workflow: str | None, version: int | None) -> str:
    name = workflow or ""
    if version is None:
        return remote.client.get_workflow(name, tenant=remote.tenant).text
    return remote.client.get_workflow_version(name, version, tenant=remote.tenant).text
