"""``blockyard schema``: the closed JSON Schema of documents under a policy."""

from __future__ import annotations

import json

import click

from blockyard_platform.cli.exits import exit_of
from blockyard_platform.cli.inputs import build_catalog, read_policy
from blockyard_platform.cli.report import print_problems
from blockyard_schemas.problems import InvalidDocumentError


@click.command("schema")
@click.option(
    "--policy", metavar="FILE", help="The tenant's policy; without it, one for your own machine."
)
@click.option(
    "--catalog", metavar="PATH", multiple=True, help="A folder of Python files with more blocks."
)
def command(policy: str | None, catalog: tuple[str, ...]) -> int:
    """Print the JSON Schema (Draft 2020-12) of the documents that a policy allows."""
    from blockyard_schemas.compiler import compile_schema

    try:
        schema = compile_schema(read_policy(policy), build_catalog(catalog).interfaces())
    except InvalidDocumentError as error:
        print_problems(policy or "policy", error.problems)
        return exit_of(error.problems)
    click.echo(json.dumps(schema, indent=2, ensure_ascii=False))
    return 0
