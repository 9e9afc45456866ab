"""``blockyard resume``: a run of a journal, brought to its end without doing again what it has finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from blockyard_platform.cli.inputs import (
    build_catalog,
    folder_of,
    read_params,
    read_policy,
    split_params,
)
from blockyard_platform.cli.options import (
    CATALOG,
    EVENTS,
    JOURNAL_REQUIRED,
    JSON,
    PARAM,
    PARAMS,
    POLICY,
    options,
)
from blockyard_platform.cli.outcome import follow
from blockyard_platform.tickets import ON_INPUT_CHANGE

if TYPE_CHECKING:
    from blockyard_platform.cli.progress import Progress
    from blockyard_platform.results import RunResult
    from blockyard_platform.tickets import OnInputChange


@click.command("resume")
@click.argument("run_id", metavar="ID")
@options(JOURNAL_REQUIRED)
@click.option(
    "--from", "start", metavar="STAGE", help="Do it again from this stage, by its node path."
)
@options(PARAM, PARAMS)
@click.option(
    "--on-input-change",
    type=click.Choice(ON_INPUT_CHANGE),
    default="reuse",
    help="What becomes of finished stages when params changed: they stand, an error, or all anew.",
)
@options(POLICY, CATALOG)
@click.option(
    "--workflows", metavar="PATH", help="The folder of the workflows that may be triggered."
)
@options(JSON, EVENTS)
def command(
    run_id: str,
    journal: str,
    start: str | None,
    pairs: tuple[str, ...],
    params_file: str | None,
    on_input_change: OnInputChange,
    policy: str | None,
    catalog: tuple[str, ...],
    workflows: str | None,
    as_json: bool,
    events: bool,
) -> int:
    """Take up the run ID: what it has finished stands, what failed or was cut off is done."""

    async def go_on(progress: Progress) -> RunResult:
        from blockyard_platform.api import Runner

        async with Runner(
            policy=None if policy is None else read_policy(policy),
            catalog=build_catalog(catalog),
            workflows=folder_of("-", workflows),
            journal=journal,
        ) as runner:
            return await runner.resume(
                run_id,
                params=read_params(params_file),
                texts=split_params(pairs),
                on_input_change=on_input_change,
                start=start,
                on_event=progress.show,
            )

    return follow(run_id, go_on, as_json=as_json, events=events)
