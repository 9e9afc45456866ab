"""Object: what can be done with values of several types."""

import copy as copying
from typing import Any, Literal

from blockyard_blocks.comparing import same
from blockyard_blocks.declaring import Example, family

object_block = family("object")


@object_block(
    Example({"start": 1, "stop": 3}, {"start": 1, "stop": 3, "step": None}),
)
def create_slice(
    *, start: int | None = None, stop: int | None = None, step: int | None = None
) -> dict[str, int | None]:
    """Describe a part of a text or a list, for object.apply_slice.

    - start: the first place, from 0; a negative one counts from the end
    - stop: the place to stop before
    - step: take each n-th; a negative one goes backwards
    """
    if step == 0:
        raise ValueError("step can't be 0")
    return {"start": start, "stop": stop, "step": step}


@object_block(Example({"value": "abcd", "slice": {"start": 1, "stop": 3}}, "bc"))
def apply_slice(*, value: str | list[Any], slice: dict[str, int | None]) -> Any:  # noqa: A002
    """Return the part of a text or a list that a slice describes.

    - value: a text or a list
    - slice: what object.create_slice returns
    """
    unknown = slice.keys() - {"start", "stop", "step"}
    if unknown:
        raise ValueError(f"a slice has start, stop and step, not '{min(unknown)[:40]}'")
    return slice_(value=value, **slice)


@object_block(Example({"value": [1, 2, 3], "step": -1}, [3, 2, 1]))
def slice_(
    *,
    value: str | list[Any],
    start: int | None = None,
    stop: int | None = None,
    step: int | None = None,
) -> Any:
    """Return a part of a text or a list.

    - value: a text or a list
    - start: the first place, from 0; a negative one counts from the end
    - stop: the place to stop before
    - step: take each n-th; a negative one goes backwards
    """
    if step == 0:
        raise ValueError("step can't be 0")
    return value[start:stop:step]


@object_block(Example({"value": {"a": [1]}}, {"a": [1]}))
def copy(*, value: Any) -> Any:
    """Return a copy of a value, with copies of all that it holds.

    - value: the value
    """
    return copying.deepcopy(value)


@object_block(Example({"value": "abc"}, 3), Example({"value": {"a": 1}}, 1))
def length(*, value: str | list[Any] | dict[str, Any]) -> int:
    """Count the characters of a text, the items of a list or the keys of a dict.

    - value: a text, a list or a dict
    """
    return len(value)


_TYPES: dict[Any, str] = {
    type(None): "null",
    bool: "bool",
    int: "int",
    float: "float",
    str: "text",
    list: "list",
    dict: "dict",
}


@object_block(Example({"value": 1.5}, "float"), Example({"value": None}, "null"))
def type_of(*, value: Any) -> Literal["null", "bool", "int", "float", "text", "list", "dict"]:
    """Return the type of a value in one word.

    - value: the value
    """
    found: Any = _TYPES[value.__class__]
    return found  # type: ignore[no-any-return]


@object_block(Example({"value": []}, True), Example({"value": 0}, False))
def is_empty(*, value: Any) -> bool:
    """Tell whether a value is null, or a text, list or dict that holds nothing.

    - value: the value
    """
    return value is None or value in ("", [], {})


@object_block(Example({"first": {"a": 1}, "second": {"a": 1.0}}, True))
def equals(*, first: Any, second: Any) -> bool:
    """Tell whether two values are equal, with all that they hold; 1 is 1.0, but true is not 1.

    - first: a value
    - second: a value
    """
    return same(first, second)


@object_block(Example({"value": None, "default": 3}, 3))
def default(*, value: Any, default: Any) -> Any:
    """Return a value, or another one in the place of null.

    - value: the value
    - default: what to return for null
    """
    return default if value is None else value
