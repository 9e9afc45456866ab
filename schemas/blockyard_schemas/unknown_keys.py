"""Keys that a mapping may not have, and what was probably meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blockyard_schemas.kinds import ALIASES, ROWS, Kind, kind_keys
from blockyard_schemas.nearest import did_you_mean
from blockyard_schemas.wording import label, listed

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError


@dataclass(frozen=True, slots=True)
class Unknown:
    """A problem that has a path instead of a place; ``key`` puts it at the key rather than at the value."""

    rule: str
    path: tuple[str | int, ...]
    message: str
    hint: str | None
    key: bool = False


_KIND_KEYS = tuple(row.key for row in ROWS if row.key is not None)


def unknown_keys(error: ValidationError) -> Iterator[Unknown]:
    """Yield a problem for each key of a closed mapping that it may not have."""
    path = tuple(error.absolute_path)
    node: Mapping[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    known = node.get("properties", {})
    instance: Mapping[str, Any] = error.instance
    for key in instance:
        if key in known:
            continue
        if "x-kind" in node and key in _KIND_KEYS:
            yield _two_kinds(instance, (*path, key))
        else:
            what = str(node.get("x-what", label(path)))
            hint = _hint(key, instance, node)
            message = f"{what} has no key '{key[:60]}'"
            yield Unknown("unknown-key", (*path, key), message, hint, key=True)


def _two_kinds(stage: Mapping[str, Any], path: tuple[str | int, ...]) -> Unknown:
    keys = [f"'{key}'" for key in kind_keys(stage)]
    message = f"a stage does one thing, and this one has {' and '.join(keys)}"
    return Unknown("kinds", path, message, "put each into a stage of its own", key=True)


def _hint(key: str, instance: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    known = [name for name in node.get("properties", {}) if name not in ALIASES]
    kind = node.get("x-kind")
    if kind == Kind.EMPTY:
        known = [*known, *_KIND_KEYS]
    near = did_you_mean(key, known)
    if near is not None:
        return near
    usual = ALIASES.get(key, key)
    owners = [f"'{row.key}'" for row in ROWS if usual in row.others and row.key is not None]
    if kind is not None and owners:
        return f"'{key}' goes with {' or '.join(owners)}"
    if _is_workflow(instance[key]):
        return f"write `name: {key}` at the top, and what is under '{key}' beside it"
    return f"keys that it may have: {listed(known) or 'none'}"


def _is_workflow(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") == "Workflow"
