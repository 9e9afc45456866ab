"""Logic: the operations on truth values and on the bits of whole numbers."""

from typing import Any

from blockyard_blocks.declaring import Example, family

logic_block = family("logic")


@logic_block(Example({"value": 0}, True))
def not_(*, value: Any) -> bool:
    """Return true for a value that holds nothing, and false for any other.

    - value: the value
    """
    return not value


@logic_block(Example({"first": 1, "second": ""}, False))
def and_(*, first: Any, second: Any) -> bool:
    """Tell whether two values both hold something.

    - first: a value
    - second: a value
    """
    return bool(first) and bool(second)


@logic_block(Example({"first": 1, "second": ""}, True))
def or_(*, first: Any, second: Any) -> bool:
    """Tell whether at least one of two values holds something.

    - first: a value
    - second: a value
    """
    return bool(first) or bool(second)


@logic_block(Example({"first": True, "second": True}, False))
def xor(*, first: Any, second: Any) -> bool:
    """Tell whether exactly one of two values holds something.

    - first: a value
    - second: a value
    """
    return bool(first) is not bool(second)


@logic_block(Example({"first": True, "second": True}, True))
def xnor(*, first: Any, second: Any) -> bool:
    """Tell whether both of two values hold something, or neither does.

    - first: a value
    - second: a value
    """
    return bool(first) is bool(second)


@logic_block(Example({"first": True, "second": True}, False))
def nand(*, first: Any, second: Any) -> bool:
    """Tell whether two values do not both hold something.

    - first: a value
    - second: a value
    """
    return not (first and second)


@logic_block(Example({"first": False, "second": False}, True))
def nor(*, first: Any, second: Any) -> bool:
    """Tell whether neither of two values holds something.

    - first: a value
    - second: a value
    """
    return not (first or second)


@logic_block(Example({"values": [1, "a", True]}, True), Example({"values": []}, True))
def all_(*, values: list[Any]) -> bool:
    """Tell whether all values hold something.

    - values: the values
    """
    return all(values)


@logic_block(Example({"values": [0, "", 2]}, True), Example({"values": []}, False))
def any_(*, values: list[Any]) -> bool:
    """Tell whether at least one value holds something.

    - values: the values
    """
    return any(values)


@logic_block(Example({"first": 12, "second": 10}, 8))
def bitwise_and(*, first: int, second: int) -> int:
    """Return the bits that two whole numbers both have.

    - first: a whole number
    - second: a whole number
    """
    return first & second


@logic_block(Example({"first": 12, "second": 10}, 14))
def bitwise_or(*, first: int, second: int) -> int:
    """Return the bits that at least one of two whole numbers has.

    - first: a whole number
    - second: a whole number
    """
    return first | second


@logic_block(Example({"first": 12, "second": 10}, 6))
def bitwise_xor(*, first: int, second: int) -> int:
    """Return the bits that exactly one of two whole numbers has.

    - first: a whole number
    - second: a whole number
    """
    return first ^ second


@logic_block(Example({"value": 5}, -6))
def bitwise_not(*, value: int) -> int:
    """Return a whole number with all bits turned round.

    - value: a whole number
    """
    return ~value
