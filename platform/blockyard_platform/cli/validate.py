"""``blockyard validate``: everything that is wrong with a document, without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from blockyard_platform.cli.exits import exit_of
from blockyard_platform.cli.inputs import (
    build_catalog,
    folder_of,
    read_bytes,
    read_policy,
    read_secrets,
)
from blockyard_platform.cli.options import CATALOG, POLICY, SECRETS, WORKFLOWS, options
from blockyard_platform.cli.report import note, print_json, print_problems
from blockyard_platform.loops import complete
from blockyard_schemas.problems import InvalidDocumentError

if TYPE_CHECKING:
    from pathlib import Path

    from blockyard_blocks.catalog import Catalog
    from blockyard_schemas.problems import Problem


@click.command("validate")
@click.argument("file")
@options(POLICY, SECRETS, CATALOG, WORKFLOWS)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: valid, problems.")
def command(
    file: str,
    policy: str | None,
    secrets: str | None,
    catalog: tuple[str, ...],
    workflows: str | None,
    as_json: bool,
) -> int:
    """Check the workflow in FILE (YAML or JSON, - for standard input) without running it."""
    problems = _problems(file, policy, secrets, catalog, workflows)
    if as_json:
        print_json({"valid": not problems, "problems": [problem.as_dict() for problem in problems]})
    elif problems:
        print_problems(file, problems)
        note(f"{len(problems)} problem{'s' if len(problems) > 1 else ''} found.")
    else:
        note(f"{file} is valid.")
    return exit_of(problems)


def _problems(
    file: str,
    policy: str | None,
    secrets: str | None,
    folders: tuple[str, ...],
    workflows: str | None,
) -> tuple[Problem, ...]:
    try:
        return complete(
            _checked(file, policy, secrets, build_catalog(folders), folder_of(file, workflows))
        )
    except InvalidDocumentError as error:
        return error.problems


async def _checked(
    file: str,
    policy: str | None,
    secrets: str | None,
    catalog: Catalog,
    workflows: Path | None,
) -> tuple[Problem, ...]:
    from blockyard_platform.runner import Runner
    from blockyard_sandbox.errors import SandboxUnavailableError

    async with Runner(
        policy=None if policy is None else read_policy(policy),
        catalog=catalog,
        workflows=workflows,
        secrets=read_secrets(secrets),
    ) as runner:
        document = read_bytes(file)
        try:
            return (await runner.check(document)).problems
        except SandboxUnavailableError as error:
            note(f"The Python in it was not compiled, as no sandbox can be had here: {error}")
            return runner.admit(document).problems
