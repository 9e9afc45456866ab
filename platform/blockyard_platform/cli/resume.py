"""``blockyard resume``: a run of a journal or of a server, brought to its end without doing again what it has finished."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from blockyard_platform.cli.inputs import (
    build_catalog,
    folder_of,
    read_params,
    read_policy,
    read_secrets,
    split_params,
)
from blockyard_platform.cli.options import CATALOG, EVENTS, PARAM, PARAMS, POLICY, SECRETS, options
from blockyard_platform.cli.outcome import ended, follow
from blockyard_platform.cli.places import JOURNAL, is_local, refuse
from blockyard_platform.cli.remote import remote
from blockyard_platform.tickets import ON_INPUT_CHANGE

if TYPE_CHECKING:
    from blockyard_platform.cli.progress import Progress
    from blockyard_platform.cli.remote import Remote
    from blockyard_platform.results import RunResult
    from blockyard_platform.tickets import OnInputChange


@click.command("resume")
@click.argument("run_id", metavar="ID")
@options(JOURNAL)
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
@options(POLICY, SECRETS, CATALOG)
@click.option(
    "--workflows", metavar="PATH", help="The folder of the workflows that may be triggered."
)
@options(EVENTS)
@click.option("--wait", is_flag=True, help="On a server: show what happens until it has ended.")
@remote
def command(
    remote: Remote,
    run_id: str,
    journal: str | None,
    start: str | None,
    pairs: tuple[str, ...],
    params_file: str | None,
    on_input_change: OnInputChange,
    *,
    wait: bool,
    **local: Any,
) -> int:
    """Take up the run ID: what it has finished stands, what failed or was cut off is done."""
    if not is_local(remote, journal):
        from blockyard_platform.cli.resuming import resume_there

        refuse("that is for a journal; the server has its own", local)
        if on_input_change == "raise":
            raise click.UsageError("--on-input-change raise is for a journal.")
        reset = on_input_change == "reset"
        if reset and start is not None:
            raise click.UsageError("Give --from STAGE, or --on-input-change reset for all of it.")
        return resume_there(remote, run_id, start, pairs, params_file, reset=reset, wait=wait)
    refuse("that is for a server", {"wait": wait})

    async def go_on(progress: Progress) -> RunResult:
        from blockyard_platform.cli.asking import asker
        from blockyard_platform.cli.journals import there
        from blockyard_platform.runner import Runner

        policy = local["policy"]
        async with Runner(
            policy=None if policy is None else read_policy(policy),
            catalog=build_catalog(local["catalog"]),
            workflows=folder_of("-", local["workflows"]),
            journal=there(journal or ""),
            secrets=read_secrets(local["secrets"]),
        ) as runner:
            handle = runner.start_again(
                run_id,
                params=read_params(params_file),
                texts=split_params(pairs),
                on_input_change=on_input_change,
                start=start,
                on_approval=asker(progress),
                on_event=progress.show,
            )
            return await ended(handle)

    return follow(run_id, go_on, as_json=remote.out.as_json, events=local["events"])
