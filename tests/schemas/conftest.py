"""Made-up blocks, and the schema that they and the personal policy make."""

from collections.abc import Callable
from typing import Any

import pytest

from blockyard_schemas.blocks_interface import BlockInterface
from blockyard_schemas.compiler import compile_schema
from blockyard_schemas.policy import Policy, personal_policy
from blockyard_schemas.problems import InvalidDocumentError, Problem
from blockyard_schemas.reader import read
from blockyard_schemas.validation import validate

Check = Callable[..., list[Problem]]

PARAMETERS: dict[str, dict[str, Any]] = {
    "text.join": {
        "properties": {
            "items": {"items": {"type": "string"}, "title": "Items", "type": "array"},
            "separator": {"default": "", "maxLength": 5, "type": "string"},
        },
        "required": ["items"],
    },
    "math.add": {
        "properties": {
            "a": {"type": "number"},
            "b": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
        },
        "required": ["a"],
    },
    "table.sort": {
        "properties": {
            "rows": {"type": "array", "items": {"$ref": "#/$defs/Row"}},
            "order": {"enum": ["up", "down"], "type": "string"},
        },
        "$defs": {
            "Row": {
                "type": "object",
                "additionalProperties": {"type": "integer"},
            }
        },
    },
    "object.none": {"properties": {}},
    "secret.read": {"properties": {"name": {"type": "string"}}},
}


@pytest.fixture(scope="session")
def blocks() -> dict[str, BlockInterface]:
    """Return made-up blocks by name; ``secret.read`` bears a tag that no personal policy has."""
    return {
        name: BlockInterface(
            name,
            tags=frozenset({name.partition(".")[0]}),
            parameters={"type": "object", "additionalProperties": False, **parameters},
        )
        for name, parameters in PARAMETERS.items()
    }


@pytest.fixture(scope="session")
def policy() -> Policy:
    """Return the policy for one person's own machine."""
    return personal_policy()


@pytest.fixture(scope="session")
def schema(policy: Policy, blocks: dict[str, BlockInterface]) -> dict[str, Any]:
    """Return the schema of the personal policy with the made-up blocks."""
    return compile_schema(policy, blocks)


@pytest.fixture(scope="session")
def check(schema: dict[str, Any]) -> Check:
    """Return a function that reads and validates a text and returns all problems."""

    def run(text: str | bytes) -> list[Problem]:
        try:
            return validate(read(text), schema)
        except InvalidDocumentError as error:
            return list(error.problems)

    return run
