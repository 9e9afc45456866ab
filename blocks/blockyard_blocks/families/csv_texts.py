"""CSV: reading and writing tables as text (RFC 4180)."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Literal

from blockyard_blocks.declaring import Example, family

csv_block = family("csv")

Type = Literal["text", "int", "float", "number", "bool"]

_BOOLS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@csv_block(
    Example(
        {"text": "name,n\nAnn,1\nBob,\n", "types": {"n": "int"}},
        [{"name": "Ann", "n": 1}, {"name": "Bob", "n": None}],
    ),
    Example({"text": "1;2", "delimiter": ";", "columns": ["a", "b"]}, [{"a": "1", "b": "2"}]),
)
def parse(
    *,
    text: str,
    delimiter: str = ",",
    quote: str = '"',
    columns: list[str] | None = None,
    types: dict[str, Type] | None = None,
    trim: bool = False,
) -> list[dict[str, Any]]:
    """Read CSV text as a list of dicts, one a row; empty lines are passed over.

    - text: the CSV text
    - delimiter: what stands between two cells, one character
    - quote: what stands around a cell that holds a delimiter, one character
    - columns: the names of the columns; without them the first line has them
    - types: text, int, float, number or bool by column; an empty cell is null then
    - trim: take white space around cells away
    """
    rows = _rows(text, delimiter, quote, trim)
    if columns is None:
        columns = next(rows, (0, list[str]()))[1]
    if len(set(columns)) < len(columns):
        twice = Counter(columns).most_common(1)[0][0]
        raise ValueError(f"two columns have the name '{twice[:80]}'; give columns")
    readers = _readers(types or {}, columns)
    return [_record(cells, columns, readers, line) for line, cells in rows]


def _record(
    cells: list[str], columns: list[str], readers: dict[str, Callable[[str], Any]], line: int
) -> dict[str, Any]:
    if len(cells) != len(columns):
        raise ValueError(
            f"line {line} of the text has {len(cells)} cells, and there are {len(columns)} columns"
        )
    record: dict[str, Any] = dict(zip(columns, cells, strict=True))
    for name, read in readers.items():
        cell = record[name]
        try:
            record[name] = read(cell.strip()) if cell.strip() else None
        except (ValueError, KeyError):
            raise ValueError(
                f"line {line} of the text: {cell[:40]!r} in the column '{name[:80]}' is not of its type"
            ) from None
    return record


def _readers(types: dict[str, Type], columns: list[str]) -> dict[str, Callable[[str], Any]]:
    unknown = [name for name in types if name not in columns]
    if columns and unknown:
        raise ValueError(
            f"types names the column '{unknown[0][:80]}'; the columns are: {', '.join(columns)[:400]}"
        )
    makers: dict[str, Callable[[str], Any]] = {
        "int": int,
        "float": _float,
        "number": _number,
        "bool": lambda cell: _BOOLS[cell.lower()],
    }
    return {name: makers[kind] for name, kind in types.items() if kind != "text"}


def _float(cell: str) -> float:
    number = float(cell)
    if number - number != 0:
        raise ValueError(cell)
    return number


def _number(cell: str) -> int | float:
    try:
        return int(cell)
    except ValueError:
        return _float(cell)


@csv_block(Example({"text": 'a,"b,c"\n1,2\n'}, [["a", "b,c"], ["1", "2"]]))
def parse_rows(
    *, text: str, delimiter: str = ",", quote: str = '"', trim: bool = False
) -> list[list[str]]:
    """Read CSV text as a list of lists of cells, the line of names among them.

    - text: the CSV text
    - delimiter: what stands between two cells, one character
    - quote: what stands around a cell that holds a delimiter, one character
    - trim: take white space around cells away
    """
    return [cells for _, cells in _rows(text, delimiter, quote, trim)]


def _rows(text: str, delimiter: str, quote: str, trim: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not empty with the number of its last line."""
    _check_signs(delimiter, quote)
    stream = io.StringIO(text.removeprefix("\ufeff"), newline="")
    reader = csv.reader(stream, delimiter=delimiter, quotechar=quote, strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, [cell.strip() for cell in cells] if trim else cells
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} of the text: {error}") from None


def _check_signs(delimiter: str, quote: str) -> None:
    for name, sign in (("delimiter", delimiter), ("quote", quote)):
        if len(sign) != 1 or sign in "\r\n":
            raise ValueError(f"{name} must be one character, and no line end")
    if delimiter == quote:
        raise ValueError("delimiter and quote are the same character")


@csv_block(
    Example({"rows": [{"name": "Ann", "n": 1}, {"name": "B, C"}]}, 'name,n\nAnn,1\n"B, C",\n'),
)
def format_(
    *,
    rows: list[dict[str, Any]],
    columns: list[str] | None = None,
    delimiter: str = ",",
    header: bool = True,
    safe: bool = False,
) -> str:
    r"""Write rows as CSV text; null is an empty cell, lists and dicts are JSON.

    - rows: the rows
    - columns: which columns, in order; without them all, in the order in which they first come
    - delimiter: what stands between two cells, one character
    - header: begin with a line of the columns' names
    - safe: put ' before texts that a spreadsheet would take for a formula
    """
    names = (
        columns if columns is not None else list(dict.fromkeys(key for row in rows for key in row))
    )
    lines: list[list[Any]] = [list(names)] if header and names else []
    lines += [[row.get(name) for name in names] for row in rows]
    return format_rows(rows=lines, delimiter=delimiter, safe=safe)


@csv_block(Example({"rows": [["a", None], [1.5, True]]}, "a,\n1.5,true\n"))
def format_rows(*, rows: list[list[Any]], delimiter: str = ",", safe: bool = False) -> str:
    """Write lists of cells as CSV text; null is an empty cell, lists and dicts are JSON.

    - rows: the rows
    - delimiter: what stands between two cells, one character
    - safe: put ' before texts that a spreadsheet would take for a formula
    """
    _check_signs(delimiter, '"')
    return "".join(_line([_cell(value, safe) for value in row], delimiter) for row in rows)


def _line(cells: list[str], delimiter: str) -> str:
    """Return a line; the library's own writer leaves a lone carriage return bare before Python 3.13."""
    if cells == [""]:
        return '""\n'
    special = {
        delimiter,
        '"',
        "\r",
        "\n",
        "\ufeff",
    }  # a byte order mark is cut off where a text begins
    quoted = (
        '"' + cell.replace('"', '""') + '"' if special.intersection(cell) else cell
        for cell in cells
    )
    return delimiter.join(quoted) + "\n"


def _cell(value: Any, safe: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return "'" + value if safe and value.startswith(_FORMULA) else value
    return json.dumps(value, ensure_ascii=False)
