"""Tables: grouping and aggregating rows, and joining tables."""

from collections.abc import Callable
from typing import Any, Literal

from blockyard_blocks.declaring import Example, family

table_block = family("table")

Row = dict[str, Any]
How = Literal["sum", "mean", "min", "max", "count", "first", "last", "list"]

_SALES = [
    {"who": "a", "n": 1.5},
    {"who": "b", "n": 2.5},
    {"who": "a", "n": 2.5},
]


@table_block(
    Example({"rows": _SALES, "by": "who"}, {"a": [_SALES[0], _SALES[2]], "b": [_SALES[1]]})
)
def group(*, rows: list[Row], by: str) -> dict[str, list[Row]]:
    """Sort rows into groups by the text of one cell.

    - rows: the rows
    - by: the column whose cell names the group
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(_text(row.get(by)), []).append(row)
    return groups


@table_block(
    Example(
        {"rows": _SALES, "by": ["who"], "columns": {"total": {"how": "sum", "of": "n"}}},
        [{"who": "a", "total": 4.0}, {"who": "b", "total": 2.5}],
    ),
    Example({"rows": _SALES, "columns": {"rows": {"how": "count"}}}, [{"rows": 3}]),
)
def aggregate(
    *, rows: list[Row], columns: dict[str, dict[str, str]], by: list[str] | None = None
) -> list[Row]:
    """Reduce groups of rows to one row each. Missing and ``null`` cells do not count.

    - rows: the rows
    - columns: for each new column ``how`` (sum, mean, min, max, count, first, last, list) and ``of`` (the column to reduce)
    - by: the columns whose cells make a group; without it all rows are one
    """
    plans = {name: _plan(name, plan) for name, plan in columns.items()}
    names = by or []
    groups: dict[str, tuple[list[Any], list[Row]]] = {}
    for row in rows:
        key = [row.get(name) for name in names]
        groups.setdefault(repr(key), (key, []))[1].append(row)
    if not rows and not names:
        groups[""] = ([], [])
    return [
        dict(zip(names, key, strict=True)) | {name: reduce(held) for name, reduce in plans.items()}
        for key, held in groups.values()
    ]


@table_block(
    Example(
        {"left": [{"id": 1, "a": 2}], "right": [{"id": 1, "b": 3}], "on": "id"},
        [{"id": 1, "a": 2, "b": 3}],
    ),
    Example(
        {"left": [{"id": 1}, {"id": 2}], "right": [{"id": 1, "b": 3}], "on": "id", "how": "left"},
        [{"id": 1, "b": 3}, {"id": 2}],
    ),
)
def join(
    *, left: list[Row], right: list[Row], on: str, how: Literal["inner", "left"] = "inner"
) -> list[Row]:
    """Put rows of two tables together where a cell is the same; cells of the left one win.

    - left: the first table
    - right: the second table
    - on: the column that both have
    - how: ``inner`` keeps rows with a partner, ``left`` every row of the left table
    """
    partners: dict[str, list[Row]] = {}
    for row in right:
        partners.setdefault(repr(row.get(on)), []).append(row)
    joined: list[Row] = []
    for row in left:
        found = partners.get(repr(row.get(on)), [])
        joined += [other | row for other in found] or ([row] if how == "left" else [])
    return [{on: row.get(on)} | row for row in joined]


@table_block(
    Example(
        {"rows": _SALES, "row": "who", "column": "n", "value": "n", "how": "count"},
        [{"who": "a", "1.5": 1, "2.5": 1}, {"who": "b", "2.5": 1}],
    )
)
def pivot(*, rows: list[Row], row: str, column: str, value: str, how: How = "sum") -> list[Row]:
    """Turn the cells of one column into columns.

    - rows: the rows
    - row: the column whose cells become the rows
    - column: the column whose cells become the columns
    - value: the column whose cells are reduced into each place
    - how: how they are reduced
    """
    reduce = _plan(value, {"how": how, "of": value})
    table: dict[str, tuple[Any, dict[str, list[Row]]]] = {}
    for record in rows:
        places = table.setdefault(repr(record.get(row)), (record.get(row), {}))[1]
        places.setdefault(_text(record.get(column)), []).append(record)
    return [
        {row: name} | {place: reduce(held) for place, held in places.items()}
        for name, places in table.values()
    ]


def _plan(name: str, plan: dict[str, str]) -> Callable[[list[Row]], Any]:
    how, of = plan.get("how", ""), plan.get("of")
    if how not in _REDUCERS or plan.keys() - {"how", "of"}:
        raise ValueError(f"column '{name}': 'how' must be one of {', '.join(_REDUCERS)}")
    if of is None:
        if how != "count":
            raise ValueError(f"column '{name}': '{how}' needs 'of', the column to reduce")
        return len
    reduce = _REDUCERS[how]
    return lambda rows: reduce([row[of] for row in rows if row.get(of) is not None])


def _mean(cells: list[Any]) -> Any:
    return sum(cells) / len(cells) if cells else None


_REDUCERS: dict[str, Callable[[list[Any]], Any]] = {
    "sum": sum,
    "mean": _mean,
    "min": lambda cells: min(cells, default=None),
    "max": lambda cells: max(cells, default=None),
    "count": len,
    "first": lambda cells: cells[0] if cells else None,
    "last": lambda cells: cells[-1] if cells else None,
    "list": list,
}


def _text(cell: Any) -> str:
    return cell if isinstance(cell, str) else "" if cell is None else str(cell)
