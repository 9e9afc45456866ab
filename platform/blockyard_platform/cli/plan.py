"""``blockyard plan``: the tree of a workflow's stages, and what a run may come to, without running it."""

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
from blockyard_platform.cli.options import CATALOG, JSON, POLICY, SECRETS, WORKFLOWS, options
from blockyard_platform.cli.report import print_json, print_problems
from blockyard_schemas.problems import InvalidDocumentError

if TYPE_CHECKING:
    from rich.tree import Tree

    from blockyard_platform.forecast import Forecast, Node
    from blockyard_schemas.problems import Problem

_WIDTH = 120


@click.command("plan")
@click.argument("file")
@options(POLICY, SECRETS, CATALOG, WORKFLOWS, JSON)
def command(
    file: str,
    policy: str | None,
    secrets: str | None,
    catalog: tuple[str, ...],
    workflows: str | None,
    as_json: bool,
) -> int:
    """Show the stages of the workflow in FILE, and the policy's limits with what a run may use of each."""
    try:
        found, problems = _forecast(file, policy, secrets, catalog, workflows)
    except InvalidDocumentError as error:
        found, problems = None, error.problems
    print_problems(file, problems)
    if as_json:
        plan = None if found is None else found.as_dict()
        listed = [problem.as_dict() for problem in problems]
        print_json({"valid": not problems, "problems": listed, "plan": plan})
    elif found is not None:
        _show(found)
    return exit_of(problems)


def _forecast(
    file: str,
    policy: str | None,
    secrets: str | None,
    folders: tuple[str, ...],
    workflows: str | None,
) -> tuple[Forecast | None, tuple[Problem, ...]]:
    from blockyard_platform.forecast import Forecaster
    from blockyard_platform.runner import Runner

    runner = Runner(
        policy=read_policy(policy),
        catalog=build_catalog(folders),
        workflows=folder_of(file, workflows),
        secrets=read_secrets(secrets),
    )
    admission = runner.admit(read_bytes(file))
    if admission.plan is None:
        return None, admission.problems
    found = Forecaster(admission.plan, runner.policy, runner.catalog).forecast()
    return found, found.problems


def _show(found: Forecast) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.tree import Tree

    console = Console(width=_WIDTH, highlight=False, markup=False, emoji=False)
    tree = Tree(found.name)
    for job in found.jobs:
        _grow(tree, job)
    console.print(tree)
    for line in found.starts:
        console.print(line)
    table = Table("limit", "used at most", "allowed", box=None, pad_edge=False)
    for name, (used, limit) in found.used.items():
        more = "" if used <= limit else "  (the run ends there)"
        table.add_row(name, f"{used:,g}" if used < 1e6 else f"{used:,.0f}", f"{limit:,g}{more}")
    console.print()
    console.print(table)


def _grow(tree: Tree, node: Node) -> None:
    note = f" ({node.note})" if node.note else ""
    branch = tree.add(f"{node.name}: {node.kind}{note}")
    for each in node.nodes:
        _grow(branch, each)
