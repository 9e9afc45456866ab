"""Table: choosing, sorting and cutting rows. A table is a list of dicts, one a row; what a row lacks is null."""

from typing import Any, Literal

from blockyard_blocks.comparing import compare, key_of, order_key
from blockyard_blocks.declaring import Example, family
from blockyard_blocks.tables import Row, check_columns, columns_of

table_block = family("table")

_ROWS = [{"n": "a", "v": 2}, {"n": "b", "v": None}, {"n": "c", "v": 1}]
_KEYS = frozenset({"column", "operator", "value"})
_ORDERED = frozenset({">", ">=", "<", "<="})


@table_block(
    Example(
        {"rows": _ROWS, "where": [{"column": "v", "operator": ">", "value": 1}]},
        [{"n": "a", "v": 2}],
    ),
    Example({"rows": _ROWS, "where": [{"column": "v", "value": None}]}, [{"n": "b", "v": None}]),
)
def filter_(
    *, rows: list[dict[str, Any]], where: list[dict[str, Any]], match: Literal["all", "any"] = "all"
) -> list[dict[str, Any]]:
    """Return the rows that meet conditions.

    - rows: the rows
    - where: conditions {column, operator, value}; the operators are those of logic.compare, without one it is =;
      null is neither smaller nor larger than anything
    - match: all conditions must be met, or any one of them
    """
    conditions = [_condition(place, condition) for place, condition in enumerate(where)]
    check_columns(rows, [column for column, _, _ in conditions])
    decide = all if match == "all" else any
    return [row for row in rows if decide(_meets(row, condition) for condition in conditions)]


def _condition(place: int, given: dict[str, Any]) -> tuple[str, str, Any]:
    unknown = given.keys() - _KEYS
    column, operator = given.get("column"), given.get("operator", "=")
    if (
        unknown
        or "value" not in given
        or not isinstance(column, str)
        or not isinstance(operator, str)
    ):
        raise ValueError(
            f"where[{place}] is a dict of column (a text), operator (a text) and value"
        )
    return column, operator, given["value"]


def _meets(row: Row, condition: tuple[str, str, Any]) -> bool:
    column, operator, wanted = condition
    value = row.get(column)
    if value is None and (
        operator in _ORDERED or operator in ("contains", "starts with", "ends with")
    ):
        return False
    try:
        return compare(value, operator, wanted)
    except ValueError as error:
        raise ValueError(f"the column '{column[:80]}': {error}") from None


@table_block(
    Example(
        {"rows": _ROWS, "by": ["-v"]},
        [{"n": "a", "v": 2}, {"n": "c", "v": 1}, {"n": "b", "v": None}],
    ),
    Example(
        {"rows": [{"a": 1, "b": 2}, {"a": 1, "b": 1}], "by": ["a", "b"]},
        [{"a": 1, "b": 1}, {"a": 1, "b": 2}],
    ),
)
def sort(
    *, rows: list[dict[str, Any]], by: list[str], nulls: Literal["first", "last"] = "last"
) -> list[dict[str, Any]]:
    """Return rows in the order of one or several columns; rows that are equal there stay in their order.

    - rows: the rows
    - by: the columns, the first one first; with a - before its name a column goes from large to small
    - nulls: whether null comes first or last
    """
    known = set(columns_of(rows))
    keys = [
        (name, False) if name in known else (name.removeprefix("-"), name.startswith("-"))
        for name in by
    ]
    check_columns(rows, [name for name, _ in keys])
    ordered = list(rows)
    for name, descending in reversed(keys):
        ordered = _sorted(ordered, name, descending, nulls)
    return ordered


def _sorted(rows: list[Row], name: str, descending: bool, nulls: str) -> list[Row]:
    known = [row for row in rows if row.get(name) is not None]
    unknown = [row for row in rows if row.get(name) is None]
    known.sort(key=lambda row: order_key(row[name]), reverse=descending)
    return unknown + known if nulls == "first" else known + unknown


@table_block(Example({"rows": _ROWS, "count": 1, "offset": 1}, [{"n": "b", "v": None}]))
def limit(*, rows: list[dict[str, Any]], count: int, offset: int = 0) -> list[dict[str, Any]]:
    """Return the first rows.

    - rows: the rows
    - count: so many, at most
    - offset: pass over so many first
    """
    if count < 0 or offset < 0:
        raise ValueError("count and offset can't be negative")
    return rows[offset : offset + count]


@table_block(
    Example({"rows": [{"a": 1}, {"a": 1}, {"a": 2}]}, [{"a": 1}, {"a": 2}]),
    Example({"rows": [{"a": 1, "b": 1}, {"a": 1, "b": 2}], "columns": ["a"]}, [{"a": 1, "b": 1}]),
)
def distinct(
    *, rows: list[dict[str, Any]], columns: list[str] | None = None
) -> list[dict[str, Any]]:
    """Return the first row of those that are equal.

    - rows: the rows
    - columns: which columns count; without them all
    """
    if columns is None:
        return list({key_of(row): row for row in reversed(rows)}.values())[::-1]
    check_columns(rows, columns)
    seen = {key_of([row.get(name) for name in columns]): row for row in reversed(rows)}
    return list(seen.values())[::-1]


@table_block(Example({"tables": [[{"a": 1}], [{"a": 2}]]}, [{"a": 1}, {"a": 2}]))
def concat(*, tables: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the rows of several tables in one.

    - tables: the tables, in order
    """
    return [row for rows in tables for row in rows]


@table_block(Example({"rows": _ROWS}, 3))
def count(*, rows: list[dict[str, Any]]) -> int:
    """Count the rows.

    - rows: the rows
    """
    return len(rows)
