"""Math: making numbers, and the operations on one or two of them."""

import math
from typing import Any

from blockyard_blocks.declaring import Example, family

math_block = family("math")

Number = int | float

MOST_BITS = 100_000
"""No whole number that a power gives may have more bits: it would be larger than any result may be."""


def finite(value: Number) -> Number:
    """Return a number; raise ValueError when it is infinite or none."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("the result is larger than a number can be")
    return value


@math_block(Example({"value": "12"}, 12), Example({"value": 2.9}, 2))
def to_integer(*, value: Any) -> int:
    """Make a whole number of a number or of a text that holds one; what is after the point is cut off.

    - value: a number, true or false, or a text like "12" or "2.9"
    """
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return int(_float_of(value))
    if isinstance(value, int | float):
        return int(value)
    raise ValueError("only a number or a text that holds one can be made a whole number")


@math_block(Example({"value": "2.5"}, 2.5), Example({"value": 2}, 2.0))
def to_float(*, value: Any) -> float:
    """Make a decimal number of a number or of a text that holds one.

    - value: a number, true or false, or a text like "2.5" or "1e3"
    """
    if isinstance(value, str | int | float):
        return _float_of(value)
    raise ValueError("only a number or a text that holds one can be made a decimal number")


def _float_of(value: str | float) -> float:
    try:
        return float(finite(float(value)))
    except ValueError:
        raise ValueError(f"{str(value)[:40]!r} is not a number") from None


@math_block(Example({"first": 1.5, "second": 2.5}, 4.0), Example({"first": 1, "second": 2}, 3))
def add(*, first: Number, second: Number) -> Number:
    """Add two numbers.

    - first: a number
    - second: a number
    """
    return finite(first + second)


@math_block(Example({"first": 5, "second": 7}, -2))
def subtract(*, first: Number, second: Number) -> Number:
    """Subtract the second number from the first.

    - first: a number
    - second: what to take away
    """
    return finite(first - second)


@math_block(Example({"first": 1.5, "second": 4}, 6.0))
def multiply(*, first: Number, second: Number) -> Number:
    """Multiply two numbers.

    - first: a number
    - second: a number
    """
    return finite(first * second)


@math_block(Example({"first": 1.5, "second": 0.5}, 3.0), Example({"first": 7, "second": 2}, 3.5))
def divide(*, first: Number, second: Number) -> float:
    """Divide the first number by the second; the result is a decimal number.

    - first: a number
    - second: what to divide by, not 0
    """
    return float(finite(first / not_zero(second)))


@math_block(Example({"first": 7, "second": 2}, 3), Example({"first": -7, "second": 2}, -4))
def divide_whole(*, first: Number, second: Number) -> int:
    """Divide and round down to a whole number.

    - first: a number
    - second: what to divide by, not 0
    """
    return math.floor(finite(first // not_zero(second)))


@math_block(Example({"first": 7, "second": 3}, 1), Example({"first": -1, "second": 3}, 2))
def modulo(*, first: Number, second: Number) -> Number:
    """Return what is left after a division; it has the sign of the second number.

    - first: a number
    - second: what to divide by, not 0
    """
    return first % not_zero(second)


def not_zero(value: Number) -> Number:
    """Return a number; raise ValueError when it is 0."""
    if value == 0:
        raise ValueError("can't divide by 0")
    return value


@math_block(Example({"base": 2, "exponent": 10}, 1024), Example({"base": 4, "exponent": 0.5}, 2.0))
def power(*, base: Number, exponent: Number) -> Number:
    """Raise a number to a power.

    - base: the number
    - exponent: the power
    """
    if isinstance(base, int) and exponent > 0 and exponent * base.bit_length() > MOST_BITS:
        raise ValueError("the result is larger than a number can be")
    if base == 0 and exponent < 0:
        raise ValueError("0 can't be raised to a negative power")
    result: Any = base**exponent
    if isinstance(result, int | float):
        return finite(result)
    raise ValueError("a negative number can be raised to whole powers only")


@math_block(Example({"value": 2.25}, 1.5))
def sqrt(*, value: Number) -> float:
    """Return the square root of a number.

    - value: a number that is not negative
    """
    if value < 0:
        raise ValueError(f"{value} is negative and has no square root")
    return math.sqrt(value)


@math_block(Example({"value": 100, "base": 10}, 2.0))
def log(*, value: Number, base: Number | None = None) -> float:
    """Return the logarithm of a number.

    - value: a number above 0
    - base: the base, above 0 and not 1; without it e, the natural logarithm
    """
    if value <= 0:
        raise ValueError("only a number above 0 has a logarithm")
    if base is None:
        return math.log(value)
    if base <= 0 or base == 1:
        raise ValueError("the base must be above 0 and not 1")
    if base in (2, 10):
        return math.log2(value) if base == 2 else math.log10(value)
    return math.log(value, base)


@math_block(Example({"value": -3}, 3))
def abs_(*, value: Number) -> Number:
    """Return a number without its sign.

    - value: a number
    """
    return abs(value)


@math_block(Example({"value": -2.5}, -1))
def sign(*, value: Number) -> int:
    """Return -1 for a negative number, 1 for one above 0, and 0 for 0.

    - value: a number
    """
    return (value > 0) - (value < 0)


@math_block(Example({"value": 2.9}, 2), Example({"value": -2.1}, -3))
def floor(*, value: Number) -> int:
    """Round a number down to a whole one.

    - value: a number
    """
    return math.floor(value)


@math_block(Example({"value": 2.3}, 3))
def ceiling(*, value: Number) -> int:
    """Round a number up to a whole one.

    - value: a number
    """
    return math.ceil(value)
