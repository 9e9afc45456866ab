"""Tables: choosing, ordering and reshaping rows, which are records with named cells."""

from collections.abc import Callable
from typing import Any, Literal

from blockyard_blocks.declaring import Example, family

table_block = family("table")

Row = dict[str, Any]
Operator = Literal["=", "!=", "<", "<=", ">", ">=", "in", "contains", "starts_with", "is_empty"]

_PEOPLE = [{"name": "Ada", "age": 36}, {"name": "Bob", "age": 25}, {"name": "Cid", "age": None}]


@table_block(
    Example(
        {"rows": _PEOPLE, "column": "age", "operator": ">", "value": 30},
        [{"name": "Ada", "age": 36}],
    ),
    Example(
        {"rows": _PEOPLE, "column": "age", "operator": "is_empty"}, [{"name": "Cid", "age": None}]
    ),
)
def filter(  # noqa: A001  (the block's name; nothing here needs the built-in one)
    *, rows: list[Row], column: str, operator: Operator = "=", value: Any = None
) -> list[Row]:
    """Keep the rows whose cell passes a comparison. A missing or ``null`` cell passes no ordering.

    - rows: the rows
    - column: the cell to look at
    - operator: how to compare
    - value: what to compare with
    """
    test = _TESTS[operator]
    return [row for row in rows if test(row.get(column), value)]


@table_block(
    Example(
        {"rows": _PEOPLE[:2], "by": ["age"]},
        [{"name": "Bob", "age": 25}, {"name": "Ada", "age": 36}],
    ),
    Example({"rows": [{"a": 1}, {"a": 2}], "by": ["-a"]}, [{"a": 2}, {"a": 1}]),
)
def sort(*, rows: list[Row], by: list[str]) -> list[Row]:
    """Order rows by columns; missing and ``null`` cells come last.

    - rows: the rows
    - by: the columns, the first counting most; a leading ``-`` means downwards
    """
    ordered = list(rows)
    for column in reversed(by):
        ordered = _sorted_by(ordered, column.removeprefix("-"), down=column.startswith("-"))
    return ordered


@table_block(Example({"rows": _PEOPLE[:1], "columns": ["age"]}, [{"age": 36}]))
def select(*, rows: list[Row], columns: list[str]) -> list[Row]:
    """Keep only some columns, in the order given; a missing cell is ``null``.

    - rows: the rows
    - columns: the columns to keep
    """
    return [{name: row.get(name) for name in columns} for row in rows]


@table_block(Example({"rows": _PEOPLE[:1], "columns": ["age"]}, [{"name": "Ada"}]))
def drop(*, rows: list[Row], columns: list[str]) -> list[Row]:
    """Leave out some columns.

    - rows: the rows
    - columns: the columns to leave out
    """
    gone = set(columns)
    return [{name: cell for name, cell in row.items() if name not in gone} for row in rows]


@table_block(Example({"rows": [{"a": 1}], "names": {"a": "b"}}, [{"b": 1}]))
def rename(*, rows: list[Row], names: dict[str, str]) -> list[Row]:
    """Give columns other names.

    - rows: the rows
    - names: new names by old ones
    """
    return [{names.get(name, name): cell for name, cell in row.items()} for row in rows]


@table_block(Example({"rows": [{"a": 1}], "cells": {"b": 2}}, [{"a": 1, "b": 2}]))
def with_cells(*, rows: list[Row], cells: Row) -> list[Row]:
    """Set the same cells in every row.

    - rows: the rows
    - cells: values by column
    """
    return [row | cells for row in rows]


@table_block(
    Example({"rows": [{"a": 1}, {"a": 1}, {"a": 2}]}, [{"a": 1}, {"a": 2}]),
    Example({"rows": [{"a": 1, "b": 1}, {"a": 1, "b": 2}], "by": ["a"]}, [{"a": 1, "b": 1}]),
)
def distinct(*, rows: list[Row], by: list[str] | None = None) -> list[Row]:
    """Keep the first of rows that are alike.

    - rows: the rows
    - by: the columns that count; without it all
    """
    first: dict[str, Row] = {}
    for row in rows:
        seen = [row.get(name) for name in by] if by is not None else sorted(row.items())
        first.setdefault(repr(seen), row)
    return list(first.values())


@table_block(Example({"rows": [{"a": 1}, {"a": 2}, {"a": 3}], "count": 1, "skip": 1}, [{"a": 2}]))
def limit(*, rows: list[Row], count: int, skip: int = 0) -> list[Row]:
    """Keep so many rows.

    - rows: the rows
    - count: how many to keep
    - skip: how many to leave out before
    """
    if count < 0 or skip < 0:
        raise ValueError("count and skip must not be negative")
    return rows[skip : skip + count]


@table_block(Example({"rows": [{"a": 1}, {"b": 2}], "column": "a"}, [1, None]))
def column(*, rows: list[Row], column: str) -> list[Any]:
    """Return the cells of one column as a list; a missing cell is ``null``.

    - rows: the rows
    - column: the column
    """
    return [row.get(column) for row in rows]


def _sorted_by(rows: list[Row], name: str, *, down: bool) -> list[Row]:
    filled = [row for row in rows if row.get(name) is not None]
    filled.sort(key=lambda row: _rank(row[name]), reverse=down)
    return filled + [row for row in rows if row.get(name) is None]


def _rank(cell: Any) -> tuple[int, Any]:
    """Return a key that orders cells of several types without an error: numbers, texts, then all else as text."""
    if isinstance(cell, bool | int | float):
        return (0, cell)
    return (1, cell) if isinstance(cell, str) else (2, repr(cell))


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(cell: Any, value: Any) -> bool:
        if cell is None or value is None:
            return False
        return compare(_rank(cell), _rank(value))

    return test


def _contains(cell: Any, value: Any) -> bool:
    return (
        value in cell
        if isinstance(cell, list) or (isinstance(cell, str) and isinstance(value, str))
        else False
    )


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda cell, value: cell == value,
    "!=": lambda cell, value: cell != value,
    "<": _ordered(lambda cell, value: cell < value),
    "<=": _ordered(lambda cell, value: cell <= value),
    ">": _ordered(lambda cell, value: cell > value),
    ">=": _ordered(lambda cell, value: cell >= value),
    "in": lambda cell, value: isinstance(value, list) and cell in value,
    "contains": _contains,
    "starts_with": lambda cell, value: (
        isinstance(cell, str) and isinstance(value, str) and cell.startswith(value)
    ),
    "is_empty": lambda cell, _: cell is None or cell in ("", [], {}),
}
