"""``blockyard run``: one workflow, on this machine, from admission to result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from blockyard_platform.cli.inputs import (
    build_catalog,
    folder_of,
    read_bytes,
    read_params,
    read_policy,
    read_secrets,
    split_params,
)
from blockyard_platform.cli.options import (
    CATALOG,
    EVENTS,
    JOURNAL,
    JSON,
    PARAM,
    PARAMS,
    POLICY,
    SECRETS,
    WORKFLOWS,
    options,
)
from blockyard_platform.cli.outcome import ended, follow

if TYPE_CHECKING:
    from blockyard_platform.cli.progress import Progress
    from blockyard_platform.results import RunResult


@click.command("run")
@click.argument("file")
@options(PARAM, PARAMS, POLICY, SECRETS, CATALOG, WORKFLOWS, JOURNAL)
@click.option(
    "--run-id", metavar="ID", help="The run's id in the journal; without it, one is made up."
)
@click.option(
    "--dry-run", is_flag=True, help="Do nothing outside of the jail, and wait for nothing."
)
@options(JSON, EVENTS)
def command(
    file: str,
    pairs: tuple[str, ...],
    params_file: str | None,
    policy: str | None,
    secrets: str | None,
    catalog: tuple[str, ...],
    workflows: str | None,
    journal: str | None,
    run_id: str | None,
    dry_run: bool,
    as_json: bool,
    events: bool,
) -> int:
    """Run the workflow in FILE (YAML or JSON, - for standard input)."""
    if dry_run and journal is not None:
        raise click.UsageError("A dry run is not kept: leave out --journal, or --dry-run.")

    async def start(progress: Progress) -> RunResult:
        from blockyard_platform.cli.asking import asker
        from blockyard_platform.runner import Runner

        async with Runner(
            # Without a policy the sandbox starts beside the reading of the personal one.
            policy=None if policy is None else read_policy(policy),
            catalog=build_catalog(catalog),
            workflows=folder_of(file, workflows),
            journal=journal,
            secrets=read_secrets(secrets),
        ) as runner:
            handle = runner.start(
                read_bytes(file),
                params=read_params(params_file),
                texts=split_params(pairs),
                run_id=run_id,
                dry_run=dry_run,
                on_approval=asker(progress),
                on_event=progress.show,
            )
            return await ended(handle)

    return follow(file, start, as_json=as_json, events=events)
