"""CSV: rows and records out of text, and text out of them."""

import csv
import io
from typing import Any

from blockyard_blocks.declaring import Example, family

csv_block = family("csv")

Cell = str | int | float | bool | None


@csv_block(
    Example({"text": "a,b\n1,x\n"}, [{"a": "1", "b": "x"}]),
    Example({"text": "a;b\n1;2.5\n", "separator": ";", "numbers": True}, [{"a": 1, "b": 2.5}]),
)
def parse(*, text: str, separator: str = ",", numbers: bool = False) -> list[dict[str, Any]]:
    """Read CSV text whose first line names the columns; a record for each line after it.

    - text: the CSV text
    - separator: one character that stands between cells
    - numbers: turn cells that are numbers into numbers
    """
    rows = parse_rows(text=text, separator=separator, numbers=False)
    if not rows:
        return []
    head = [str(cell).strip() for cell in rows[0]]
    if len(set(head)) != len(head):
        raise ValueError("two columns of the CSV text have one name")
    return [_record(head, row, number, numbers) for number, row in enumerate(rows[1:], 2)]


@csv_block(
    Example({"text": '1,"a,b"\n'}, [["1", "a,b"]]),
    Example({"text": "1\t2", "separator": "\t", "numbers": True}, [[1, 2]]),
)
def parse_rows(*, text: str, separator: str = ",", numbers: bool = False) -> list[list[Any]]:
    """Read CSV text as rows of cells, without a head. Empty lines are left out.

    - text: the CSV text
    - separator: one character that stands between cells
    - numbers: turn cells that are numbers into numbers
    """
    reader = csv.reader(io.StringIO(text), delimiter=_character(separator), strict=True)
    try:
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} of the CSV text: {error}") from None
    return (
        [[_number(cell) for cell in row] for row in rows]
        if numbers
        else [list(row) for row in rows]
    )


@csv_block(
    Example({"rows": [{"a": 1, "b": "x,y"}]}, 'a,b\n1,"x,y"\n'),
    Example({"rows": [{"a": 1}, {"b": None}], "columns": ["b", "a"]}, "b,a\n,1\n,\n"),
)
def format(  # noqa: A001  (the block's name; nothing here needs the built-in one)
    *, rows: list[dict[str, Any]], columns: list[str] | None = None, separator: str = ","
) -> str:
    """Write records as CSV text with a head; a missing cell, or ``null``, is empty.

    - rows: the records
    - columns: which columns, in order; without it all, in the order in which they first appear
    - separator: one character that stands between cells
    """
    names = (
        columns
        if columns is not None
        else list(dict.fromkeys(name for row in rows for name in row))
    )
    return format_rows(
        rows=[list(names), *([row.get(name) for name in names] for row in rows)],
        separator=separator,
    )


@csv_block(Example({"rows": [["a", 1], ["b", None]]}, "a,1\nb,\n"))
def format_rows(*, rows: list[list[Any]], separator: str = ",") -> str:
    """Write rows of cells as CSV text.

    - rows: the rows
    - separator: one character that stands between cells
    """
    stream = io.StringIO()
    csv.writer(stream, delimiter=_character(separator), lineterminator="\n").writerows(rows)
    return stream.getvalue()


def _record(head: list[str], row: list[Any], line: int, numbers: bool) -> dict[str, Any]:
    if len(row) > len(head):
        raise ValueError(f"row {line} of the CSV text has {len(row)} cells, its head {len(head)}")
    cells = [*row, *[""] * (len(head) - len(row))]
    return dict(zip(head, (_number(cell) for cell in cells) if numbers else cells, strict=True))


def _character(separator: str) -> str:
    if len(separator) != 1 or separator in '\r\n"':
        raise ValueError("separator must be one character, neither a quote nor a line end")
    return separator


def _number(cell: str) -> Cell:
    """Return the number that a cell spells in plain digits; any other cell as it is."""
    text = cell.strip()
    if not text or text[-1] not in "0123456789." or "_" in text or len(text) > 40:
        return cell
    if text.lstrip("-").startswith("0") and text.lstrip("-")[1:2].isdigit():
        return cell
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return cell
