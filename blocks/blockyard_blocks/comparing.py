"""Comparing plain data as JSON means it: true is not 1, but 1 is 1.0."""

import operator
from collections.abc import Callable, Hashable
from typing import Any

from blockyard_blocks.plain import is_dict, is_list, is_number


def key_of(value: Any) -> Hashable:
    """Return something hashable that is equal for equal values, and for those only."""
    if is_list(value):
        return ("list", tuple(key_of(item) for item in value))
    if is_dict(value):
        return ("dict", frozenset((name, key_of(item)) for name, item in value.items()))
    if isinstance(value, bool):
        return ("bool", value)
    found: Hashable = value
    return found


def same(first: Any, second: Any) -> bool:
    """Whether two values are equal."""
    return key_of(first) == key_of(second)


def order_key(value: Any) -> tuple[int, Any]:
    """Return what to sort a value by: null, then false and true, numbers, texts; raise ValueError for others."""
    if value is None:
        return (0, 0)
    if isinstance(value, bool):
        return (1, value)
    if is_number(value):
        return (2, value)
    if isinstance(value, str):
        return (3, value)
    raise ValueError(
        f"{'lists' if is_list(value) else 'dicts'} have no order; sort by one of their values"
    )


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}

_NAMES: dict[Any, str] = {
    type(None): "null",
    bool: "true or false",
    str: "a text",
    list: "a list",
    dict: "a dict",
}


def compare(first: Any, operation: str, second: Any) -> bool:
    """Return the verdict of an operator.

    ``=`` (or ``==``), ``!=``, ``>``, ``>=``, ``<``, ``<=``; ``is`` and ``is not`` (equal, and an integer is not a
    decimal number); ``in`` and ``not in``; ``contains``, ``starts with``, ``ends with``. Raises ValueError for an unknown operator, and
    when the values can't be compared so.
    """
    if operation in _ORDERS:
        return _ORDERS[operation](*_ordered(first, operation, second))
    match operation:
        case "=" | "==":
            return same(first, second)
        case "!=":
            return not same(first, second)
        case "is":
            return type(first) is type(second) and same(first, second)
        case "is not":
            return type(first) is not type(second) or not same(first, second)
        case "in":
            return contains(second, first)
        case "not in":
            return not contains(second, first)
        case "contains":
            return contains(first, second)
        case "starts with":
            return _text(first).startswith(_text(second))
        case "ends with":
            return _text(first).endswith(_text(second))
        case _:
            raise ValueError(f"there is no operator '{operation}'")


def contains(whole: Any, part: Any) -> bool:
    """Whether a text holds a text, a list an item, or a dict a key; raise ValueError for others."""
    if isinstance(whole, str):
        return _text(part) in whole
    if is_list(whole):
        key = key_of(part)
        return any(key_of(item) == key for item in whole)
    if is_dict(whole):
        return _text(part) in whole
    raise ValueError(f"{name_of(whole)} holds nothing; only a text, a list and a dict do")


def _ordered(first: Any, operation: str, second: Any) -> tuple[Any, Any]:
    one, other = (name_of(value) for value in (first, second))
    if one != other or one not in ("a number", "a text"):
        raise ValueError(
            f"{one} and {other} can't be compared by '{operation}': both must be numbers, or both texts"
        )
    return first, second


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"a text was expected here, not {name_of(value)}")


def name_of(value: Any) -> str:
    """Return the kind of a value in words."""
    return _NAMES.get(value.__class__, "a number")
