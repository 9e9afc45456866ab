"""Keys that a mapping may not have, and what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from blockyard_schemas.kinds import ALIASES, ROWS, Kind, kind_keys
from blockyard_schemas.nearest import did_you_mean
from blockyard_schemas.plain import is_mapping
from blockyard_schemas.wording import Said, label, listed

if TYPE_CHECKING:
    from blockyard_schemas.faults import Fault


_KIND_KEYS = tuple(row.key for row in ROWS if row.key is not None)


def unknown_keys(fault: Fault) -> Iterator[Said]:
    """Yield a problem for each key of a closed mapping that it may not have."""
    path, node = fault.path, fault.node
    known = node.get("properties", {})
    instance: Mapping[str, Any] = fault.found
    for key in instance:
        if key in known or _is_allowed(key, node):
            continue
        if "x-kind" in node and key in _KIND_KEYS:
            yield _two_kinds(instance, (*path, key))
        else:
            yield Said("unknown-key", (*path, key), *_unknown(key, instance, node, path), key=True)


def _is_allowed(key: str, node: Mapping[str, Any]) -> bool:
    return any(re.search(pattern, key) for pattern in node.get("patternProperties", ()))


def _two_kinds(stage: Mapping[str, Any], path: tuple[str | int, ...]) -> Said:
    keys = [f"'{key}'" for key in kind_keys(stage)]
    message = f"a stage does one thing, and this one has {' and '.join(keys)}"
    return Said("kinds", path, message, "put each into a stage of its own", key=True)


def _unknown(
    key: str, instance: Mapping[str, Any], node: Mapping[str, Any], path: Sequence[str | int]
) -> tuple[str, str]:
    """Return message and hint."""
    kind = node.get("x-kind")
    known = [name for name in node.get("properties", {}) if name not in ALIASES]
    usual = ALIASES.get(key, key)
    owners = [f"'{row.key}'" for row in ROWS if usual in row.others and row.key is not None]
    what = str(node.get("x-what", label(path)))
    message = f"{what} has no key '{key[:60]}'"
    if kind == Kind.EMPTY:
        known += _KIND_KEYS
        message = f"no stage has a key '{key[:60]}'"
    if kind == Kind.EMPTY and owners:
        other = next(iter(set(instance) - {key, *known}), None)
        near = did_you_mean(other, _KIND_KEYS) if other is not None else None
        message = f"the key '{key}' goes with {' or '.join(owners)}, which this stage has not"
        return message, f"'{other}': {near}" if near else f"add {owners[0]}"
    near = did_you_mean(key, known)
    if near is None and kind is not None and owners:
        near = f"'{key}' goes with {' or '.join(owners)}"
    if near is None and _is_workflow(instance[key]):
        near = f"write `name: {key}` at the top, and what is under '{key}' beside it"
    return message, near or f"keys that it may have: {listed(known) or 'none'}"


def _is_workflow(value: Any) -> bool:
    return is_mapping(value) and value.get("type") == "Workflow"
