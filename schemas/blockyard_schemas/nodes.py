"""Small schemas that many others are made of.

``x-expected`` says in words what a node wants, for messages; ``x-what`` what a closed mapping is; ``x-rule`` marks a node
whose errors the admission explains. Other validators pass over them.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]

LONGEST_DURATION = 31_622_400
"""Seconds of 366 days."""

_DURATION = r"^\s*([0-9]{1,12}(\.[0-9]{1,6})?|([0-9]{1,12}(\.[0-9]{1,6})?(ms|s|m|h|d))+)\s*$"


def ref(name: str) -> Schema:
    """Return a reference to a definition of the same schema."""
    return {"$ref": f"#/$defs/{name}"}


def templated(schema: Schema) -> Schema:
    """Return a schema that takes, instead of a value, a text with an expression."""
    return {"if": ref("expression"), "else": schema}


def closed(what: str, properties: Schema, required: tuple[str, ...] = ()) -> Schema:
    """Return the schema of a mapping that has these keys and no others; ``what`` names it in messages."""
    schema: Schema = {
        "type": "object",
        "x-what": what,
        "properties": properties,
        "additionalProperties": False,
    }
    if required:
        schema["required"] = list(required)
    return schema


def one_of_types(**cases: Schema) -> Schema:
    """Return a schema that is chosen by the value's type; the last case takes all other types."""
    *first, (_, chain) = cases.items()
    for name, schema in reversed(first):
        chain = {"if": {"type": name}, "then": schema, "else": chain}
    return chain


def whole(least: int, most: int) -> Schema:
    """Return the schema of a whole number between bounds, or of an expression."""
    return templated({"type": "integer", "minimum": least, "maximum": most})


def common() -> dict[str, Schema]:
    """Return the definitions that every schema of documents has."""
    return {
        "expression": {
            "type": "string",
            "pattern": "\\$\\{\\{",
            "x-expected": "an expression ${{ ... }}",
        },
        "id": {
            "type": "string",
            "minLength": 1,
            "maxLength": 100,
            "pattern": "^[A-Za-z_]",
            "not": {"pattern": "[^A-Za-z0-9_-]"},
            "x-expected": "a letter or _, then letters, digits, _ and - (no spaces or dots)",
        },
        "duration": one_of_types(
            string={
                "type": "string",
                "allOf": [
                    {
                        "maxLength": 100,
                        "pattern": _DURATION,
                        "x-expected": "a duration such as 90s, 10m or 1h30m",
                        "x-rule": "duration",
                    }
                ],
            },
            number={
                "type": ["number", "string"],
                "minimum": 0,
                "maximum": LONGEST_DURATION,
                "x-expected": "seconds, or a duration such as 90s, 10m or 1h30m",
            },
        ),
        "retry": _retry(),
        "flag": templated({"type": "boolean"}),
        "values": templated({"type": "object"}),
    }


def _retry() -> Schema:
    from blockyard_schemas.kinds import MAX_RETRY
    from blockyard_schemas.statuses import Code

    code: Schema = {
        "type": "string",
        "allOf": [{"enum": [code.name for code in Code if code > 100], "x-rule": "retry"}],
    }
    properties = {
        "attempts": whole(1, MAX_RETRY + 1),
        "delay": templated(ref("duration")),
        "backoff": templated({"type": "number", "minimum": 1, "maximum": 100}),
        "max-delay": templated(ref("duration")),
        "jitter": templated(
            one_of_types(
                boolean={},
                number={"type": ["number", "boolean"], "minimum": 0, "maximum": 1},
            )
        ),
        "on": templated(
            one_of_types(string=code, array={"type": ["array", "string"], "items": code})
        ),
    }
    number = {
        "type": ["integer", "object"],
        "minimum": 0,
        "maximum": MAX_RETRY,
        "x-expected": f"0 to {MAX_RETRY} further attempts, or a mapping with attempts, delay, ...",
    }
    return templated(one_of_types(object=closed("retry", properties), integer=number))
