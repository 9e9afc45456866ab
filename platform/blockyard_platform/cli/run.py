"""``blockyard run``: one workflow, on this machine, from admission to result."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import click

from blockyard_platform.cli.exits import Exit, exit_of
from blockyard_platform.cli.inputs import (
    build_catalog,
    read_bytes,
    read_params,
    read_policy,
    split_params,
)
from blockyard_platform.cli.report import note, print_json, print_problems, printable
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from blockyard_platform.cli.progress import Progress
    from blockyard_platform.results import RunResult


@click.command("run")
@click.argument("file")
@click.option(
    "--param", "pairs", metavar="K=V", multiple=True, help="A param; its declared type is applied."
)
@click.option("--params", "params_file", metavar="FILE", help="A YAML or JSON file of params.")
@click.option(
    "--policy", metavar="FILE", help="The tenant's policy; without it, one for your own machine."
)
@click.option(
    "--catalog", metavar="PATH", multiple=True, help="A folder of Python files with more blocks."
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object; all else goes to standard error.",
)
@click.option("--events", is_flag=True, help="Print each event as a line of JSON, as it happens.")
def command(
    file: str,
    pairs: tuple[str, ...],
    params_file: str | None,
    policy: str | None,
    catalog: tuple[str, ...],
    as_json: bool,
    events: bool,
) -> int:
    """Run the workflow in FILE (YAML or JSON, - for standard input)."""
    progress = _progress(quiet=as_json, events=events)
    try:
        result = asyncio.run(_run(file, pairs, params_file, policy, catalog, progress))
    except InvalidDocumentError as error:
        result = _refused(error)
    except KeyboardInterrupt:
        result = _interrupted()
    finally:
        progress.close()
    _report(file, result, as_json=as_json)
    return _exit(result)


async def _run(
    file: str,
    pairs: tuple[str, ...],
    params_file: str | None,
    policy: str | None,
    folders: tuple[str, ...],
    progress: Progress,
) -> RunResult:
    from blockyard_platform.api import arun

    return await arun(
        read_bytes(file),
        params=read_params(params_file),
        texts=split_params(pairs),
        # Without a policy the sandbox starts beside the reading of the personal one.
        policy=None if policy is None else read_policy(policy),
        catalog=build_catalog(folders),
        on_event=progress.show,
    )


def _progress(*, quiet: bool, events: bool) -> Progress:
    from blockyard_platform.cli.progress import EventLines, LiveTable, PlainLines

    if events:
        return EventLines(to_error=quiet)
    if sys.stderr.isatty():
        return LiveTable()
    return PlainLines()


def _refused(error: InvalidDocumentError) -> RunResult:
    from blockyard_platform.results import RunResult

    return RunResult(run_id=None, workflow=None, status=Status.FAILED, problems=error.problems)


def _interrupted() -> RunResult:
    from blockyard_platform.results import RunResult

    note("Interrupted.")
    return RunResult(run_id=None, workflow=None, status=Status.CANCEL)


def _report(file: str, result: RunResult, *, as_json: bool) -> None:
    print_problems(file, result.problems)
    if as_json:
        print_json(result.as_dict())
        return
    for name, value in result.outputs.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        click.echo(f"{name}: {printable(text)}")
    if result.run_id is not None:
        note(f"{result.workflow}: {result.status}")


def _exit(result: RunResult) -> Exit:
    if result.status is Status.SUCCESS:
        return Exit.SUCCESS
    if result.run_id is None and result.problems:
        return exit_of(result.problems)
    codes = {record.code.name for job in result.jobs.values() for record in job.records()}
    codes |= {problem.rule for problem in result.problems}
    if Code.SANDBOX_UNAVAILABLE.name in codes:
        return Exit.NO_SANDBOX
    return Exit.INTERRUPTED if result.status is Status.CANCEL else Exit.FAILED
