"""Table: grouping rows, and one value made of many."""

import statistics
from collections.abc import Callable
from typing import Any, Literal

from blockyard_blocks.comparing import key_of, order_key
from blockyard_blocks.declaring import Example, family
from blockyard_blocks.families.math_lists import exact_sum
from blockyard_blocks.plain import is_number
from blockyard_blocks.tables import Row, check_columns, grouped

table_block = family("table")

Function = Literal[
    "sum", "mean", "median", "min", "max", "count", "distinct", "first", "last", "list"
]

_ROWS = [{"k": "a", "v": 1}, {"k": "b", "v": 5}, {"k": "a", "v": 2}]


@table_block(
    Example(
        {"rows": _ROWS, "by": ["k"]},
        [
            {"key": {"k": "a"}, "rows": [{"k": "a", "v": 1}, {"k": "a", "v": 2}]},
            {"key": {"k": "b"}, "rows": [{"k": "b", "v": 5}]},
        ],
    )
)
def group(*, rows: list[dict[str, Any]], by: list[str]) -> list[dict[str, Any]]:
    """Return groups of rows that have the same values in some columns, in the order of the first of each.

    - rows: the rows
    - by: the columns
    """
    check_columns(rows, by)
    return [{"key": _key(members, by), "rows": members} for members in grouped(rows, by).values()]


def _key(members: list[Row], by: list[str]) -> Row:
    return {name: members[0].get(name) for name in by}


@table_block(
    Example(
        {"rows": _ROWS, "by": ["k"], "values": {"total": {"sum": "v"}, "n": {"count": "*"}}},
        [{"k": "a", "total": 3, "n": 2}, {"k": "b", "total": 5, "n": 1}],
    ),
    Example({"rows": _ROWS, "values": {"best": {"max": "v"}}}, [{"best": 5}]),
)
def aggregate(
    *,
    rows: list[dict[str, Any]],
    by: list[str] | None = None,
    values: dict[str, dict[Function, str]],
) -> list[dict[str, Any]]:
    """Return one row for each group of rows, with values made of the group's.

    - rows: the rows
    - by: the columns whose values make a group; without them all rows are one
    - values: by the name of the new column one function and its column, like {total: {sum: amount}}; the functions
      are sum, mean, median, min, max, count (of * for all rows), distinct (how many different ones), first, last, list;
      all but count of * pass over null
    """
    by = by or []
    plans = [_plan(name, given) for name, given in values.items()]
    check_columns(rows, [*by, *(column for _, _, column in plans if column != "*")])
    groups = list(grouped(rows, by).values()) if by else [rows]
    return [
        {
            **_key(members, by),
            **{name: applied(function, column, members) for name, function, column in plans},
        }
        for members in groups
    ]


def _plan(name: str, given: dict[Function, str]) -> tuple[str, Function, str]:
    if len(given) != 1:
        raise ValueError(
            f"values.{name[:80]} must name one function and its column, like {{sum: amount}}"
        )
    function, column = next(iter(given.items()))
    if column == "*" and function != "count":
        raise ValueError(f"values.{name[:80]}: only count can be of *")
    return name, function, column


def applied(function: Function, column: str, rows: list[Row]) -> Any:
    """Return what a function makes of a column; raise ValueError when it can't."""
    if function == "count" and column == "*":
        return len(rows)
    known = [row[column] for row in rows if row.get(column) is not None]
    if function in ("sum", "mean", "median") and not all(is_number(value) for value in known):
        raise ValueError(
            f"the column '{column[:80]}' holds something that is no number, so it has no {function}"
        )
    return _FUNCTIONS[function](known)


def _mean(values: list[Any]) -> Any:
    return exact_sum(values) / len(values) if values else None


_FUNCTIONS: dict[Function, Callable[[list[Any]], Any]] = {
    "sum": exact_sum,
    "mean": _mean,
    "median": lambda values: statistics.median(values) if values else None,
    "min": lambda values: min(values, key=order_key, default=None),
    "max": lambda values: max(values, key=order_key, default=None),
    "count": len,
    "distinct": lambda values: len({key_of(value) for value in values}),
    "first": lambda values: values[0] if values else None,
    "last": lambda values: values[-1] if values else None,
    "list": list,
}


@table_block(
    Example(
        {
            "rows": [
                {"city": "Oslo", "year": 2025, "n": 1},
                {"city": "Oslo", "year": 2026, "n": 2},
                {"city": "Rome", "year": 2026, "n": 3},
            ],
            "index": ["city"],
            "column": "year",
            "value": "n",
            "missing": 0,
        },
        [{"city": "Oslo", "2025": 1, "2026": 2}, {"city": "Rome", "2025": 0, "2026": 3}],
    )
)
def pivot(
    *,
    rows: list[dict[str, Any]],
    index: list[str],
    column: str,
    value: str,
    function: Function = "sum",
    missing: Any = None,
) -> list[dict[str, Any]]:
    """Turn the values of one column into columns of their own.

    - rows: the rows
    - index: the columns that make a row of the result
    - column: the column whose values become names of columns (texts, numbers, true or false)
    - value: the column whose values stand in them
    - function: what to make of several values at one place, as in table.aggregate
    - missing: what stands where there is none
    """
    check_columns(rows, [*index, column, value])
    names = {key_of(row.get(column)): _name(row.get(column)) for row in rows}
    if len(set(names.values())) < len(names) or set(names.values()) & set(index):
        raise ValueError(f"two columns would have the same name; rename values of '{column[:80]}'")
    table: list[Row] = []
    for members in grouped(rows, index).values():
        cells = {
            _name(cell[0].get(column)): applied(function, value, cell)
            for cell in grouped(members, [column]).values()
        }
        filled = {name: cells.get(name, missing) for name in names.values()}
        table.append({**_key(members, index), **filled})
    return table


def _name(value: Any) -> str:
    if isinstance(value, list | dict):
        raise ValueError("a list or a dict can't be the name of a column")  # noqa: TRY004
    return (
        {None: "null", True: "true", False: "false"}[value]
        if value is None or isinstance(value, bool)
        else str(value)
    )


@table_block(
    Example(
        {"rows": [{"id": 1, "a": 5, "b": 6}], "columns": ["a", "b"]},
        [{"id": 1, "name": "a", "value": 5}, {"id": 1, "name": "b", "value": 6}],
    )
)
def unpivot(
    *, rows: list[dict[str, Any]], columns: list[str], name: str = "name", value: str = "value"
) -> list[dict[str, Any]]:
    """Turn columns into rows: each row becomes one row for each of some columns.

    - rows: the rows
    - columns: the columns to turn into rows
    - name: the new column of their names
    - value: the new column of their values
    """
    check_columns(rows, columns)
    gone = set(columns)
    return [
        {**{key: row[key] for key in row if key not in gone}, name: column, value: row.get(column)}
        for row in rows
        for column in columns
    ]
