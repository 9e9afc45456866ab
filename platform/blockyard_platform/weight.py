"""How heavy plain data is: an estimate of its bytes as JSON, at the cost of one walk that stops at a bound."""

from __future__ import annotations

from typing import Any

from blockyard_platform.plain import is_list, is_mapping

_SCALAR = 8
_CONTAINER = 16


def weigh(value: Any, bound: int) -> int:
    """Return about how many bytes a value takes, or some number above ``bound`` once it is heavier."""
    if isinstance(value, str):
        return len(value) + 2
    if not isinstance(value, dict | list):
        return _SCALAR
    total = 0
    heap: list[Any] = [value]
    while heap and total <= bound:
        value = heap.pop()
        if isinstance(value, str):
            total += len(value) + 2
        elif is_mapping(value):
            total += _CONTAINER + sum(map(len, value)) + 4 * len(value)
            heap.extend(value.values())
        elif is_list(value):
            total += _CONTAINER
            heap.extend(value)
        else:
            total += _SCALAR
    return total
