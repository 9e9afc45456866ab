"""Documents against their schema: a fast verdict first, and words for what is wrong only when something is."""

from __future__ import annotations

from typing import Any

from blockyard_schemas.plain import is_list, is_mapping
from blockyard_schemas.problems import Problem
from blockyard_schemas.reader import Source

MOST = 100
"""Problems that are reported of one document."""


def validate(source: Source, schema: dict[str, Any]) -> list[Problem]:
    """Return the problems of a document under a compiled schema, in the order of the text.

    Errors at nodes that bear ``x-rule`` are left out: the admission, which knows policy and catalog, reports those.
    """
    if is_valid(source.data, schema):
        return []
    rest = without_rules(schema)
    if is_valid(source.data, rest):
        return []
    from blockyard_schemas.explaining import explain

    return explain(source, rest, MOST)


def is_valid(data: Any, schema: dict[str, Any]) -> bool:
    """Return the verdict alone."""
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(schema).is_valid(data)


def without_rules(schema: Any) -> Any:
    """Return a schema in which each node that bears ``x-rule`` allows everything."""
    if is_mapping(schema):
        if "x-rule" in schema:
            return {}
        return {key: without_rules(value) for key, value in schema.items()}
    return [without_rules(each) for each in schema] if is_list(schema) else schema
