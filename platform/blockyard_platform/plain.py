"""Plain data: what documents, params and outputs are made of; and tests of its shape that type checkers follow."""

from __future__ import annotations

from typing import Any, TypeGuard


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Whether a value is a list."""
    return isinstance(value, list)


def is_mapping(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a value is a mapping; in plain data its keys are texts."""
    return isinstance(value, dict)


def copied(value: Any) -> Any:
    """Return a copy of plain data that shares no list and no mapping with it."""
    if is_list(value):
        return [copied(item) for item in value]
    if is_mapping(value):
        return {key: copied(item) for key, item in value.items()}
    return value
