"""Logic: truth, comparison, choice, and ways to stop."""

from typing import Any, Literal

from blockyard_blocks.comparing import compare as compared
from blockyard_blocks.comparing import name_of
from blockyard_blocks.declaring import Example, family
from blockyard_blocks.errors import BlockError
from blockyard_schemas.statuses import Code

logic_block = family("logic")

# fmt: off
Operator = Literal[
    "=", "==", "!=", ">", ">=", "<", "<=", "is", "is not", "in", "not in",
    "contains", "starts with", "ends with",
]
# fmt: on

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0", ""})


@logic_block(Example({"value": "False"}, False), Example({"value": 3}, True))
def to_bool(*, value: Any) -> bool:
    """Make true or false of a value: texts by what they say, all else by whether it holds something.

    - value: the value; a text must be true, yes, on, 1, or false, no, off, 0 or empty
    """
    if not isinstance(value, str):
        return bool(value)
    word = value.strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(
        f"the text {value[:40]!r} is neither true nor false; logic.is_true tells whether it is empty"
    )


@logic_block(Example({"value": "x"}, True), Example({"value": []}, False))
def is_true(*, value: Any) -> bool:
    """Tell whether a value holds something: not null, false, 0, or an empty text, list or dict.

    - value: the value
    """
    return bool(value)


@logic_block(Example({"value": None}, True), Example({"value": 0}, False))
def is_none(*, value: Any) -> bool:
    """Tell whether a value is null.

    - value: the value
    """
    return value is None


@logic_block(Example({}, True))
def true() -> bool:
    """Return true, always."""
    return True


@logic_block(Example({}, False))
def false() -> bool:
    """Return false, always."""
    return False


@logic_block(Example({}, None))
def none() -> None:
    """Return null, always."""
    return


@logic_block(
    Example({"first": 2, "operator": ">", "second": 1.5}, True),
    Example({"first": True, "operator": "=", "second": 1}, False),
    Example({"first": "a", "operator": "in", "second": ["a", "b"]}, True),
)
def compare(*, first: Any, operator: Operator = "=", second: Any) -> bool:
    """Compare two values.

    - first: the value on the left
    - operator: = (or ==), !=, >, >=, <, <= ; is, is not (equal and of one type) ; in, not in, contains, starts with, ends with
    - second: the value on the right
    """
    return compared(first, operator, second)


@logic_block(Example({"condition": 3, "then": "yes", "otherwise": "no"}, "yes"))
def choose(*, condition: Any, then: Any, otherwise: Any = None) -> Any:
    """Return one of two values.

    - condition: what decides: whether it holds something
    - then: the value when it does
    - otherwise: the value when it does not
    """
    return then if condition else otherwise


@logic_block(Example({"value": "b", "cases": {"a": 1, "b": 2}}, 2))
def switch(*, value: str, cases: dict[str, Any], otherwise: Any = None) -> Any:
    """Return the value of the case that a text names.

    - value: the text
    - cases: the values by text
    - otherwise: the value when none fits
    """
    return cases.get(value, otherwise)


@logic_block(Example({"values": [None, 0, 2]}, 0))
def first_known(*, values: list[Any]) -> Any:
    """Return the first value that is not null; null when all are.

    - values: the values
    """
    return next((value for value in values if value is not None), None)


@logic_block(Example({"value": 1}, None))
def assert_(*, value: Any, message: str = "") -> None:
    """Fail (ASSERTION_ERROR 106) unless a value holds something.

    - value: the value
    - message: what to say
    """
    if not value:
        raise AssertionError(message or f"the value does not hold: {name_of(value)}")


@logic_block(Example({"value": 0}, None))
def assert_not(*, value: Any, message: str = "") -> None:
    """Fail (ASSERTION_ERROR 106) if a value holds something.

    - value: the value
    - message: what to say
    """
    if value:
        raise AssertionError(message or f"the value holds: {name_of(value)}")


@logic_block(Example({"first": 1, "operator": "<", "second": 2}, None))
def assert_compare(*, first: Any, operator: Operator = "=", second: Any, message: str = "") -> None:
    """Fail (ASSERTION_ERROR 106) unless a comparison holds.

    - first: the value on the left
    - operator: as in logic.compare
    - second: the value on the right
    - message: what to say
    """
    if not compared(first, operator, second):
        raise AssertionError(message or f"the comparison '{operator}' does not hold")


@logic_block(Example({"condition": False}, None))
def stop(*, message: str = "stopped by the workflow", condition: Any = True) -> None:
    """End the run as failed (KILLED_MANUALLY 111); stages that always run still do.

    - message: what to say
    - condition: stop only if this holds something
    """
    if condition:
        raise BlockError(Code.KILLED_MANUALLY, message)
