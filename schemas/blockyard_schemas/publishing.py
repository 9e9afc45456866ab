"""The files that are published: standard JSON Schemas of documents and policies, for editors and other validators."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from blockyard_schemas.compiler import compile_policy_schema, compile_schema
from blockyard_schemas.field_notes import add_notes

if TYPE_CHECKING:
    from blockyard_schemas.blocks_interface import BlockInterface
    from blockyard_schemas.policy import Policy

WORKFLOW = "workflow.schema.json"
POLICY = "policy.schema.json"


def published_files(policy: Policy, interfaces: Mapping[str, BlockInterface]) -> dict[str, str]:
    """Return the text of each published file by its name: the documents a policy allows with these blocks, and policies."""
    return {
        WORKFLOW: _text(compile_schema(policy, interfaces)),
        POLICY: _text(_policy_schema()),
    }


def _policy_schema() -> dict[str, Any]:
    from blockyard_schemas.policy import Policy
    from blockyard_schemas.policy_base import Model

    schema = compile_policy_schema()
    add_notes(schema, Policy, Model)
    return schema


def stale_files(expected: Mapping[str, str], present: Mapping[str, str]) -> list[str]:
    """Return the names of published files that are missing or differ."""
    return [name for name, text in expected.items() if present.get(name) != text]


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=1, ensure_ascii=False, sort_keys=False) + "\n"
