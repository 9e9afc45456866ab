"""Table: choosing, naming, adding and filling columns."""

from typing import Any, Literal

from blockyard_blocks.declaring import Example, family
from blockyard_blocks.families.math_numbers import Number, finite, not_zero
from blockyard_blocks.families.text_templates import format_ as filled
from blockyard_blocks.plain import is_number
from blockyard_blocks.tables import Row, check_columns, columns_of

table_block = family("table")

_ROWS = [{"a": 1, "b": 2}, {"a": 3, "b": None}]


@table_block(Example({"rows": _ROWS}, ["a", "b"]))
def columns(*, rows: list[dict[str, Any]]) -> list[str]:
    """Return the names of the columns, in the order in which they first come.

    - rows: the rows
    """
    return columns_of(rows)


@table_block(Example({"rows": _ROWS, "name": "b"}, [2, None]))
def column(*, rows: list[dict[str, Any]], name: str) -> list[Any]:
    """Return the values of one column.

    - rows: the rows
    - name: the column
    """
    check_columns(rows, [name])
    return [row.get(name) for row in rows]


@table_block(Example({"rows": _ROWS, "columns": ["b"]}, [{"b": 2}, {"b": None}]))
def select(*, rows: list[dict[str, Any]], columns: list[str]) -> list[dict[str, Any]]:
    """Return rows with some columns only, in their order.

    - rows: the rows
    - columns: the columns that stay
    """
    check_columns(rows, columns)
    return [{name: row.get(name) for name in columns} for row in rows]


@table_block(Example({"rows": _ROWS, "columns": ["b"]}, [{"a": 1}, {"a": 3}]))
def omit(*, rows: list[dict[str, Any]], columns: list[str]) -> list[dict[str, Any]]:
    """Return rows without some columns.

    - rows: the rows
    - columns: the columns to leave out
    """
    check_columns(rows, columns)
    gone = set(columns)
    return [{name: value for name, value in row.items() if name not in gone} for row in rows]


@table_block(Example({"rows": [{"a": 1, "b": 2}], "names": {"a": "x"}}, [{"x": 1, "b": 2}]))
def rename(*, rows: list[dict[str, Any]], names: dict[str, str]) -> list[dict[str, Any]]:
    """Return rows with other names for some columns.

    - rows: the rows
    - names: the new names by the old ones; two columns can't have one name
    """
    check_columns(rows, names)
    renamed = [{names.get(name, name): value for name, value in row.items()} for row in rows]
    if any(len(row) != len(old) for row, old in zip(renamed, rows, strict=True)):
        raise ValueError("two columns would have the same name")
    return renamed


@table_block(
    Example({"rows": [{"a": 1}], "name": "c", "value": "x"}, [{"a": 1, "c": "x"}]),
    Example(
        {"rows": [{"first": "Ann", "last": "Lee"}], "name": "full", "template": "{first} {last}"},
        [{"first": "Ann", "last": "Lee", "full": "Ann Lee"}],
    ),
)
def add_column(
    *, rows: list[dict[str, Any]], name: str, value: Any = None, template: str | None = None
) -> list[dict[str, Any]]:
    """Return rows with one more column, the same value in each or a text with the row's values filled in.

    - rows: the rows
    - name: the new column; one of this name is replaced
    - value: the value
    - template: a text with fields like {name}, in the place of a value
    """
    if template is None:
        return [{**row, name: value} for row in rows]
    return [{**row, name: filled(template=template, values=row)} for row in rows]


@table_block(
    Example(
        {
            "rows": [{"n": 2, "price": 1.5}],
            "name": "total",
            "left": "n",
            "operator": "*",
            "right": "price",
        },
        [{"n": 2, "price": 1.5, "total": 3.0}],
    )
)
def calculate(
    *,
    rows: list[dict[str, Any]],
    name: str,
    left: str | Number,
    operator: Literal["+", "-", "*", "/"],
    right: str | Number,
) -> list[dict[str, Any]]:
    """Return rows with one more column, reckoned of two others; null where one of these is null.

    - rows: the rows
    - name: the new column; one of this name is replaced
    - left: the column on the left, or a number
    - operator: what to do with the two
    - right: the column on the right, or a number
    """
    check_columns(rows, [side for side in (left, right) if isinstance(side, str)])
    return [
        {**row, name: _reckoned(_operand(row, left), operator, _operand(row, right))}
        for row in rows
    ]


def _operand(row: Row, side: str | Number) -> Number | None:
    value = row.get(side) if isinstance(side, str) else side
    if value is None or is_number(value):
        return value
    raise ValueError(f"the column '{str(side)[:80]}' holds something that is no number")


def _reckoned(left: Number | None, operator: str, right: Number | None) -> Number | None:
    if left is None or right is None:
        return None
    if operator == "+":
        return finite(left + right)
    if operator == "-":
        return finite(left - right)
    return finite(left * right if operator == "*" else left / not_zero(right))


@table_block(Example({"rows": _ROWS, "values": {"b": 0}}, [{"a": 1, "b": 2}, {"a": 3, "b": 0}]))
def fill(*, rows: list[dict[str, Any]], values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return rows with values in the place of null, or of what is missing.

    - rows: the rows
    - values: the values by column
    """
    return [
        {**row, **{name: value for name, value in values.items() if row.get(name) is None}}
        for row in rows
    ]


@table_block(Example({"rows": [{"a": "x"}], "name": "nr"}, [{"nr": 1, "a": "x"}]))
def number(
    *, rows: list[dict[str, Any]], name: str = "number", start: int = 1
) -> list[dict[str, Any]]:
    """Return rows with a first column that counts them.

    - rows: the rows
    - name: the new column
    - start: the first number
    """
    return [
        {name: place, **{key: row[key] for key in row if key != name}}
        for place, row in enumerate(rows, start)
    ]
