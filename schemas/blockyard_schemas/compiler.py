"""Policy and blocks to one closed JSON Schema (Draft 2020-12): server, command line and editors use the same."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from blockyard_schemas.block_schema import (
    SECRET,
    block_case,
    block_definitions,
    secret_definition,
)
from blockyard_schemas.blocks_interface import BlockInterface, name_of
from blockyard_schemas.document_schema import document, document_definitions
from blockyard_schemas.nodes import Schema, common
from blockyard_schemas.plain import is_list, is_mapping
from blockyard_schemas.stage_schema import stage_definitions

if TYPE_CHECKING:
    from blockyard_schemas.policy import Policy

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def compile_schema(
    policy: Policy,
    blocks: Mapping[str, BlockInterface],
    *,
    only: Collection[str] | None = None,
) -> Schema:
    """Return the schema of the documents that a policy allows.

    ``blocks`` is the catalog by name. With ``only``, names or spellings in ``uses``, just these blocks are looked up and held:
    the verdict on a document that uses no others is the same.
    """
    allowed = [block for block in _chosen(blocks, only) if _usable(block, policy)]
    spellings = [spelling for block in allowed for spelling in block.spellings]
    uses = {"type": "string", "allOf": [{"enum": spellings, "x-rule": "block"}]}
    definitions: dict[str, Schema] = {}
    for block in allowed:
        definitions |= block_definitions(block)
    if any(block.runs == "host" for block in allowed):
        definitions[SECRET] = secret_definition(policy.secrets)
    stages = stage_definitions(policy, uses, [block_case(block) for block in allowed])
    return {
        "$schema": DIALECT,
        "title": f"Workflows under the policy '{policy.name}'",
        **document(policy),
        "$defs": common() | document_definitions() | stages | definitions,
    }


def compile_policy_schema() -> Schema:
    """Return the schema of policies."""
    from blockyard_schemas.policy import Policy

    schema: Schema = _tidied(Policy.model_json_schema())
    return {"$schema": DIALECT, "x-what": "a policy", **schema}


def _tidied(schema: Any) -> Any:
    """Close mappings by patterns, and leave out what says nothing to a reader, or more than the model does."""
    if is_list(schema):
        return [_tidied(each) for each in schema]
    if not is_mapping(schema):
        return schema
    new = {
        key: _tidied(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str)) and key != "uniqueItems"
    }
    if "patternProperties" in new:
        new["additionalProperties"] = False
    return new


def _chosen(
    blocks: Mapping[str, BlockInterface], only: Collection[str] | None
) -> Iterator[BlockInterface]:
    if only is None:
        yield from (blocks[name] for name in sorted(blocks))
        return
    for name in sorted({name_of(uses) or uses for uses in only}):
        if name in blocks:
            yield blocks[name]


def _usable(block: BlockInterface, policy: Policy) -> bool:
    return policy.allows_tags(block.tags) and policy.block_limit(block.name, block.limit) != 0
