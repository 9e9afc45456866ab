"""``blockyard validate``: everything that is wrong with a document, without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from blockyard_platform.cli.exits import exit_of
from blockyard_platform.cli.inputs import build_catalog, folder_of, read_bytes, read_policy
from blockyard_platform.cli.options import CATALOG, POLICY, WORKFLOWS, options
from blockyard_platform.cli.report import note, print_json, print_problems
from blockyard_schemas.problems import InvalidDocumentError

if TYPE_CHECKING:
    from blockyard_schemas.problems import Problem


@click.command("validate")
@click.argument("file")
@options(POLICY, CATALOG, WORKFLOWS)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: valid, problems.")
def command(
    file: str, policy: str | None, catalog: tuple[str, ...], workflows: str | None, as_json: bool
) -> int:
    """Check the workflow in FILE (YAML or JSON, - for standard input) without running it."""
    problems = _problems(file, policy, catalog, workflows)
    if as_json:
        print_json({"valid": not problems, "problems": [problem.as_dict() for problem in problems]})
    elif problems:
        print_problems(file, problems)
        note(f"{len(problems)} problem{'s' if len(problems) > 1 else ''} found.")
    else:
        note(f"{file} is valid.")
    return exit_of(problems)


def _problems(
    file: str, policy: str | None, folders: tuple[str, ...], workflows: str | None
) -> tuple[Problem, ...]:
    from blockyard_platform.api import validate

    try:
        catalog = build_catalog(folders)
        return validate(
            read_bytes(file),
            policy=read_policy(policy),
            catalog=catalog,
            workflows=folder_of(file, workflows),
        ).problems
    except InvalidDocumentError as error:
        return error.problems
