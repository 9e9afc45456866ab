"""The matrix of a job: every combination of its values, less ``exclude``, with ``include``, as GitHub's workflows have it."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

from blockyard_platform.errors import StageFailureError
from blockyard_platform.plain import is_list, is_mapping
from blockyard_schemas.kinds import MAX_COMBINATIONS
from blockyard_schemas.statuses import Code

Values = dict[str, Any]

MAX_NAMES = 100
"""Names in a combination. Rows of ``exclude`` and of ``include`` are at most MAX_COMBINATIONS each: what is compared grows with both."""


def combinations(inputs: Values) -> list[Values]:
    """Return the combinations that ``matrix``, ``include`` and ``exclude`` stand for, in order.

    A row of ``include`` is added to each combination of the matrix that it does not contradict, and is a combination of its own when it
    contradicts all. Raises StageFailureError (INVALID_ARGUMENT) when they have another form, or are more than MAX_COMBINATIONS, or have more than MAX_NAMES.
    """
    axes = _axes(inputs.get("matrix"))
    _check_count(prod(len(values) for values in axes.values()) if axes else 0)
    found = [dict(zip(axes, row, strict=True)) for row in product(*axes.values())] if axes else []
    for excluded in _rows("exclude", inputs.get("exclude")):
        found = [each for each in found if not _holds(each, excluded)]
    extended = [dict(each) for each in found]
    for row in _rows("include", inputs.get("include")):
        _include(row, found, extended)
    _check_count(len(extended))
    return extended


def _include(row: Values, found: list[Values], extended: list[Values]) -> None:
    fits = [
        index
        for index, each in enumerate(found)
        if all(_same(each[key], value) for key, value in row.items() if key in each)
    ]
    for index in fits:
        extended[index] |= row
    if not fits:
        extended.append(row)


def _holds(combination: Values, row: Values) -> bool:
    return all(key in combination and _same(combination[key], value) for key, value in row.items())


def _same(left: Any, right: Any) -> bool:
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _axes(value: Any) -> dict[str, list[Any]]:
    if value is None:
        return {}
    if not is_mapping(value):
        raise _invalid("matrix must be a mapping of names to lists")
    _check_names("matrix", value)
    for name, values in value.items():
        if not is_list(values) or not all(_is_scalar(each) for each in values):
            raise _invalid(f"matrix.{name[:40]} must be a list of texts, numbers, true or false")
    return value


def _rows(key: str, value: Any) -> list[Values]:
    if value is None:
        return []
    if not is_list(value) or not all(is_mapping(row) for row in value):
        raise _invalid(f"{key} must be a list of mappings of names to values")
    if len(value) > MAX_COMBINATIONS:
        raise _invalid(f"{key} has {len(value)} rows, and {MAX_COMBINATIONS} are allowed")
    for row in value:
        _check_names(key, row)
    return value


def _check_names(key: str, row: Values) -> None:
    if len(row) > MAX_NAMES:
        raise _invalid(f"{key} has {len(row)} names in a combination, and {MAX_NAMES} are allowed")


def _is_scalar(value: Any) -> bool:
    return not is_list(value) and not is_mapping(value)


def _check_count(count: int) -> None:
    if count > MAX_COMBINATIONS:
        raise _invalid(f"the matrix has {count} combinations, and {MAX_COMBINATIONS} are allowed")


def _invalid(message: str) -> StageFailureError:
    return StageFailureError(Code.INVALID_ARGUMENT, message)
