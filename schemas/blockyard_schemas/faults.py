"""One error of a document under its schema, whichever validator found it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blockyard_schemas.plain import is_list, is_mapping


@dataclass(frozen=True, slots=True)
class Fault:
    """One error: the keyword that failed and its value, the schema around it, what was found, and where.

    ``relative`` tells that it lies deeper than the branch it is in; ``inside`` are the errors of the branches of an ``anyOf``, each with the branch's number; ``of_key`` tells that it is a key of
    the mapping at ``path`` that is wrong; ``outer`` is the schema that holds the one around.
    """

    keyword: str
    wanted: Any
    node: Mapping[str, Any]
    found: Any
    path: tuple[str | int, ...]
    message: str
    relative: bool = False
    of_key: bool = False
    outer: Mapping[str, Any] | None = None
    inside: tuple[tuple[int, Fault], ...] = ()


def deep_faults(data: Any, schema: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield the errors that jsonschema-rs finds, which goes to any depth but does not look into branches of ``anyOf``."""
    import jsonschema_rs

    for error in jsonschema_rs.Draft202012Validator(dict(schema)).iter_errors(data):
        where: list[str | int] = list(error.schema_path)
        keyword = str(where[-1]) if where else ""
        node = _at(schema, where[:-1])
        yield Fault(
            keyword=keyword,
            wanted=node.get(keyword),
            node=node,
            found=error.instance,
            path=tuple(error.instance_path),
            message=error.message,
            of_key="propertyNames" in list(error.evaluation_path),
            outer=_at(schema, where[:-2]),
        )


def _at(schema: Mapping[str, Any], path: Sequence[str | int]) -> Mapping[str, Any]:
    """Return the schema at a path, an empty one when there is none."""
    value: Any = schema
    for part in path:
        if is_mapping(value) and part in value:
            value = value[str(part)]
        elif is_list(value) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return {}
    return value if is_mapping(value) else {}
