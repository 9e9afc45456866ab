"""``blockyard blocks``: the blocks that a policy allows, with their parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from blockyard_platform.cli.exits import exit_of
from blockyard_platform.cli.inputs import build_catalog, read_policy
from blockyard_platform.cli.report import print_json, print_problems
from blockyard_schemas.problems import InvalidDocumentError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from blockyard_schemas.blocks_interface import BlockInterface
    from blockyard_schemas.policy import Policy


@click.command("blocks")
@click.option(
    "--policy", metavar="FILE", help="The tenant's policy; without it, one for your own machine."
)
@click.option(
    "--catalog", metavar="PATH", multiple=True, help="A folder of Python files with more blocks."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON list, with the parameters' schemas."
)
def command(policy: str | None, catalog: tuple[str, ...], as_json: bool) -> int:
    """List the blocks that a policy allows."""
    try:
        allowed = _allowed(read_policy(policy), build_catalog(catalog).interfaces().values())
    except InvalidDocumentError as error:
        print_problems(policy or "policy", error.problems)
        return exit_of(error.problems)
    if as_json:
        print_json([_as_dict(block, limit) for block, limit in allowed])
        return 0
    for block, _ in allowed:
        click.echo(f"{block.name}({_signature(block)})")
        click.echo(f"    {block.doc.strip().splitlines()[0] if block.doc.strip() else ''}")
    return 0


def _allowed(
    policy: Policy, blocks: Iterable[BlockInterface]
) -> list[tuple[BlockInterface, int | None]]:
    return [
        (block, policy.block_limit(block.name, block.limit))
        for block in blocks
        if not block.private and policy.allows_tags(block.tags)
    ]


def _as_dict(block: BlockInterface, limit: int | None) -> dict[str, Any]:
    return {
        "name": block.name,
        "version": block.version,
        "tags": sorted(block.tags),
        "limit": limit,
        "runs": block.runs,
        "doc": block.doc,
        "deprecated": block.deprecated,
        "parameters": block.parameters,
        "result": block.result,
    }


def _signature(block: BlockInterface) -> str:
    required = set(block.parameters.get("required", ()))
    names: dict[str, Any] = block.parameters.get("properties", {})
    return ", ".join(name if name in required else f"{name}?" for name in names)
