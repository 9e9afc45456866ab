"""Values of params against their declarations: a closed part of JSON Schema, in time linear in the value."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

from blockyard_schemas.nearest import did_you_mean
from blockyard_schemas.param_types import FORMATS, SAME, TYPES, WORDS, is_number
from blockyard_schemas.patterns import PatternError, compiled
from blockyard_schemas.plain import is_list, is_mapping
from blockyard_schemas.showing import found, shown
from blockyard_schemas.wording import Said, label, listed, plural

Path = tuple[str | int, ...]
_BOUNDS: Mapping[str, str] = MappingProxyType(
    {
        "minimum": "at least",
        "maximum": "at most",
        "exclusiveMinimum": "more than",
        "exclusiveMaximum": "less than",
    }
)


def schema_of(declared: Any) -> Mapping[str, Any]:
    """Return a declaration as a mapping with the usual name of its type."""
    schema: dict[str, Any] = dict(declared) if is_mapping(declared) else {"type": declared}
    kind = schema.get("type", "any")
    schema["type"] = SAME.get(kind, kind)
    if "options" in schema:
        schema.setdefault("enum", schema["options"])
    return schema


class _Node:
    """A declaration as it is looked at for many values: what takes time is worked out for the first one."""

    def __init__(self, declared: Any) -> None:
        self.schema = schema_of(declared)
        self.fits = TYPES.get(self.schema["type"])

    @cached_property
    def choices(self) -> list[Any] | None:
        return [self.schema["const"]] if "const" in self.schema else self.schema.get("enum")

    @cached_property
    def canonical_choices(self) -> frozenset[str]:
        return frozenset(map(canonical, self.choices or ()))

    @cached_property
    def pattern(self) -> Any:
        return compiled(self.schema["pattern"])


class _Nodes:
    """The declarations that one value is checked against, at any depth, each once."""

    def __init__(self) -> None:
        self._known: dict[int, _Node] = {}
        self._held: list[Any] = []

    def of(self, declared: Any) -> _Node:
        node = self._known.get(id(declared))
        if node is None:
            node = self._known[id(declared)] = _Node(declared)
            self._held.append(declared)  # so that no other one has its id
        return node


def faults(declared: Any, value: Any, path: Path) -> Iterator[Said]:
    """Yield what is wrong with a value; nothing when it fits."""
    yield from _faults(_Nodes(), declared, value, path)


def _faults(nodes: _Nodes, declared: Any, value: Any, path: Path) -> Iterator[Said]:
    node = nodes.of(declared)
    schema = node.schema
    if node.fits is not None and not node.fits(value):
        yield _said(path, f"must be {WORDS[schema['type']]}, not {found(value)}")
        return
    yield from _choice(node, value, path)
    if is_number(value):
        yield from _number(schema, value, path)
    elif isinstance(value, str):
        yield from _text(node, value, path)
    elif is_list(value):
        yield from _list(nodes, schema, value, path)
    elif is_mapping(value):
        yield from _mapping(nodes, schema, value, path)


def _said(path: Path, message: str, hint: str | None = None) -> Said:
    return Said("param", path, f"{label(path)} {message}", hint)


def _choice(node: _Node, value: Any, path: Path) -> Iterator[Said]:
    choices = node.choices
    if choices is None or canonical(value) in node.canonical_choices:
        return
    near = did_you_mean(value, map(str, choices)) if isinstance(value, str) else None
    yield _said(path, f"must be one of {listed(choices)}, not {found(value)}", near)


def _number(schema: Mapping[str, Any], value: float, path: Path) -> Iterator[Said]:
    for key, words in _BOUNDS.items():
        limit = schema.get(key)
        if limit is not None and not _holds(key, value, limit):
            yield _said(path, f"must be {words} {shown(limit)}, not {shown(value)}")


def _holds(key: str, value: float, limit: float) -> bool:
    if value == limit:
        return not key.startswith("exclusive")
    return value > limit if key.endswith("inimum") else value < limit


def _text(node: _Node, value: str, path: Path) -> Iterator[Said]:
    schema = node.schema
    yield from _size(schema, len(value), path, "Length", "character")
    try:
        if "pattern" in schema and node.pattern.search(value) is None:
            yield _said(path, f"must match the pattern {schema['pattern']}, not {found(value)}")
    except PatternError as error:
        yield _said(path, f"cannot be checked: the pattern is not valid: {error}")
    form: str = schema.get("format", "")
    if form in FORMATS and not FORMATS[form](value):
        yield _said(path, f"must be of the format {form}, not {found(value)}")


def _list(nodes: _Nodes, schema: Mapping[str, Any], value: list[Any], path: Path) -> Iterator[Said]:
    yield from _size(schema, len(value), path, "Items", "item")
    if "items" in schema:
        for index, item in enumerate(value):
            yield from _faults(nodes, schema["items"], item, (*path, index))
    if schema.get("uniqueItems") is True:
        seen: set[str] = set()
        for index, item in enumerate(value):
            text = canonical(item)
            if text in seen:
                yield _said((*path, index), f"stands twice in the list: {shown(item)}")
            seen.add(text)


def _mapping(
    nodes: _Nodes, schema: Mapping[str, Any], value: dict[str, Any], path: Path
) -> Iterator[Said]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    required = schema.get("required")
    for name in required if is_list(required) else ():
        if name not in value:
            yield _said(path, f"needs the key '{name}'")
    more = schema.get("additionalProperties", True)
    for name, item in value.items():
        if name in properties:
            yield from _faults(nodes, properties[name], item, (*path, name))
        elif more is False:
            hint = did_you_mean(name, properties) or f"keys: {listed(properties) or 'none'}"
            yield _said(path, f"has no key '{name[:60]}'", hint)
        elif more is not True:
            yield from _faults(nodes, more, item, (*path, name))


def _size(
    schema: Mapping[str, Any], size: int, path: Path, what: str, thing: str
) -> Iterator[Said]:
    least, most = schema.get(f"min{what}", 0), schema.get(f"max{what}", size)
    if size < least:
        yield _said(path, f"must have at least {plural(least, thing)}, not {size}")
    if size > most:
        yield _said(path, f"must have at most {plural(most, thing)}, not {size}")


def canonical(value: Any) -> str:
    """Return a text that two values share when JSON Schema calls them equal (1 and 1.0, but not 1 and true)."""
    return json.dumps(_whole(value), sort_keys=True)


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if is_list(value):
        return [_whole(item) for item in value]
    if is_mapping(value):
        return {key: _whole(item) for key, item in value.items()}
    return value
