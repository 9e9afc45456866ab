"""Math: rounding and formatting, and the operations on many numbers."""

import decimal
import math
import random as randomness
import statistics
from typing import Any, Literal

from blockyard_blocks.comparing import order_key
from blockyard_blocks.declaring import UNSET, Example, family
from blockyard_blocks.families.math_numbers import MOST_BITS, Number, finite, not_zero

math_block = family("math")

_MODES = {"half_up": decimal.ROUND_HALF_UP, "half_even": decimal.ROUND_HALF_EVEN}


@math_block(
    Example({"value": 2.675, "digits": 2}, 2.68),
    Example({"value": 2.5, "mode": "half_even"}, 2),
    Example({"value": 1234, "digits": -2}, 1200),
)
def round_(
    *, value: Number, digits: int = 0, mode: Literal["half_up", "half_even"] = "half_up"
) -> Number:
    """Round a number as it is written in decimals: 2.675 gives 2.68.

    - value: a number
    - digits: how many stay after the point; negative ones round before it; with 0 or less the result is whole
    - mode: a half goes away from 0 (half_up) or to the even neighbour (half_even)
    """
    if not -400 <= digits <= 400:
        raise ValueError("digits must be from -400 to 400")
    rounded = _rounded(value, digits, _MODES[mode])
    return int(rounded) if digits <= 0 else float(rounded)


def _rounded(value: Number, digits: int, mode: str) -> decimal.Decimal:
    with decimal.localcontext(decimal.Context(prec=40_000)):
        return decimal.Decimal(repr(value)).quantize(decimal.Decimal(1).scaleb(-digits), mode)


@math_block(
    Example({"value": 1234567.891, "digits": 2}, "1,234,567.89"),
    Example({"value": 0.256, "digits": 1, "percent": True}, "25.6%"),
)
def format_(
    *, value: Number, digits: int = 2, thousands: str = ",", point: str = ".", percent: bool = False
) -> str:
    """Write a number with a fixed number of digits.

    - value: a number
    - digits: how many stand after the point, 0 to 100
    - thousands: what stands between thousands
    - point: the decimal point
    - percent: multiply by 100 and put a % behind
    """
    if not 0 <= digits <= 100:
        raise ValueError("digits must be from 0 to 100")
    rounded = _rounded(value, digits + 2 * percent, decimal.ROUND_HALF_UP)
    shown = f"{rounded.scaleb(2) if percent else rounded:,.{digits}f}"
    swapped = "".join({",": thousands, ".": point}.get(sign, sign) for sign in shown)
    return swapped + "%" * percent


@math_block(Example({"values": [0.1, 0.2, 0.3]}, 0.6), Example({"values": [1, 2], "start": 10}, 13))
def sum_(*, values: list[Number], start: Number = 0) -> Number:
    """Add up numbers, without the small errors of adding one by one.

    - values: the numbers; with none the result is the start
    - start: what to begin with
    """
    return exact_sum([start, *values])


def exact_sum(values: list[Number]) -> Number:
    """Return the sum of numbers: whole when all of them are."""
    if all(isinstance(value, int) for value in values):
        return sum(values)
    return finite(math.fsum(values))


@math_block(Example({"values": [2, 3, 4]}, 24))
def product(*, values: list[Number]) -> Number:
    """Multiply numbers; with none the result is 1.

    - values: the numbers
    """
    if sum(value.bit_length() for value in values if isinstance(value, int)) > MOST_BITS:
        raise ValueError("the result is larger than a number can be")
    return finite(math.prod(values))


@math_block(Example({"first": 2, "second": 3}, 3), Example({"first": "a", "second": "b"}, "b"))
def larger(*, first: Number | str, second: Number | str) -> Number | str:
    """Return the larger one of two numbers, or the later one of two texts.

    - first: a number or a text
    - second: the same
    """
    return max([first, second], key=_comparable([first, second]))


@math_block(Example({"first": 2, "second": 3}, 2))
def smaller(*, first: Number | str, second: Number | str) -> Number | str:
    """Return the smaller one of two numbers, or the earlier one of two texts.

    - first: a number or a text
    - second: the same
    """
    return min([first, second], key=_comparable([first, second]))


@math_block(Example({"values": [3, 1, 2.5]}, 3), Example({"values": [], "default": None}, None))
def max_(*, values: list[Number | str], default: Any = UNSET) -> Any:
    """Return the largest one of numbers, or the last one of texts.

    - values: all numbers or all texts
    - default: what to return for an empty list; without it that is an error
    """
    if not values:
        return _nothing(default)
    return max(values, key=_comparable(values))


@math_block(Example({"values": [3, 1, 2.5]}, 1))
def min_(*, values: list[Number | str], default: Any = UNSET) -> Any:
    """Return the smallest one of numbers, or the first one of texts.

    - values: all numbers or all texts
    - default: what to return for an empty list; without it that is an error
    """
    if not values:
        return _nothing(default)
    return min(values, key=_comparable(values))


def _comparable(values: list[Number | str]) -> Any:
    if len({isinstance(value, str) for value in values}) > 1:
        raise ValueError("numbers and texts can't be compared; give only the ones or the others")
    return order_key


def _nothing(default: Any) -> Any:
    if default is UNSET:
        raise ValueError("the list is empty; give a default")
    return default


@math_block(Example({"values": [1, 2, 4.5]}, 2.5))
def mean(*, values: list[Number], default: Any = UNSET) -> Any:
    """Return the average of numbers.

    - values: the numbers
    - default: what to return for an empty list; without it that is an error
    """
    return exact_sum(values) / len(values) if values else _nothing(default)


@math_block(Example({"values": [5, 1, 3]}, 3), Example({"values": [1, 2]}, 1.5))
def median(*, values: list[Number], default: Any = UNSET) -> Any:
    """Return the middle one of numbers, or the mean of the two middle ones.

    - values: the numbers
    - default: what to return for an empty list; without it that is an error
    """
    return statistics.median(values) if values else _nothing(default)


@math_block(Example({"values": [2, 4, 4, 4, 5, 5, 7, 9], "population": True}, 2.0))
def deviation(*, values: list[Number], population: bool = False) -> float:
    """Return the standard deviation of numbers.

    - values: at least two numbers, or one when they are the whole population
    - population: the numbers are all there are, not a sample of them
    """
    if len(values) < 2 - population:
        raise ValueError(f"at least {2 - population} numbers are needed")
    return float(statistics.pstdev(values) if population else statistics.stdev(values))


@math_block(Example({"value": 12, "lowest": 0, "highest": 10}, 10))
def clamp(*, value: Number, lowest: Number, highest: Number) -> Number:
    """Keep a number within two bounds.

    - value: the number
    - lowest: the lower bound
    - highest: the upper bound
    """
    if lowest > highest:
        raise ValueError(f"lowest is {lowest}, above highest, {highest}")
    return min(max(value, lowest), highest)


@math_block(Example({"part": 30, "whole": 120}, 25.0))
def percent(*, part: Number, whole: Number) -> float:
    """Return how many hundredths of the whole a part is.

    - part: the part
    - whole: the whole, not 0
    """
    return float(finite(part * 100 / not_zero(whole)))


@math_block(Example({"lowest": 1, "highest": 6, "seed": 4}, 2))
def random(*, lowest: int = 0, highest: int, seed: int | None = None) -> int:
    """Return a random whole number; not for secrets.

    - lowest: the smallest that may come
    - highest: the largest that may come
    - seed: with the same seed comes the same number
    """
    if lowest > highest:
        raise ValueError(f"lowest is {lowest}, above highest, {highest}")
    source = randomness if seed is None else randomness.Random(seed)  # noqa: S311 (not for secrets)
    return source.randint(lowest, highest)
