"""Table: rows of two tables together, and rows by their key."""

from collections.abc import Hashable
from typing import Any, Literal

from blockyard_blocks.comparing import key_of
from blockyard_blocks.declaring import Example, family
from blockyard_blocks.tables import Row, check_columns, columns_of

table_block = family("table")

_LEFT = [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}]
_RIGHT = [{"id": 1, "city": "Oslo"}]


@table_block(
    Example(
        {"left": _LEFT, "right": _RIGHT, "on": ["id"]}, [{"id": 1, "name": "Ann", "city": "Oslo"}]
    ),
    Example(
        {"left": _LEFT, "right": _RIGHT, "on": ["id"], "keep": "left"},
        [{"id": 1, "name": "Ann", "city": "Oslo"}, {"id": 2, "name": "Bob", "city": None}],
    ),
)
def join(
    *,
    left: list[dict[str, Any]],
    right: list[dict[str, Any]],
    on: list[str] | dict[str, str],
    keep: Literal["both", "left", "right", "all"] = "both",
    suffix: str = "_right",
) -> list[dict[str, Any]]:
    """Put the rows of two tables together that have equal values in some columns; null is equal to nothing.

    - left: the rows of the first table
    - right: the rows of the second table
    - on: the columns, or the columns of the first table with those of the second, like {id: customer_id}
    - keep: which rows stay that find no other: of none (both), of the left, of the right, or all
    - suffix: what is put behind the name of a column of the second table that the first has too
    """
    pairs = on if isinstance(on, dict) else {name: name for name in on}
    if not pairs:
        raise ValueError("on is empty; name at least one column")
    check_columns(left, pairs)
    check_columns(right, pairs.values())
    own = columns_of(left) or list(pairs)
    names = _right_names(right, own, pairs, suffix)
    places = _by_key(right, list(pairs.values()))
    joined: list[Row] = []
    used: set[int] = set()
    for row in left:
        found = places.get(_key(row, pairs), [])
        used.update(found)
        joined += [{**row, **_renamed(right[place], names)} for place in found]
        if not found and keep in ("left", "all"):
            joined.append({**row, **dict.fromkeys(names.values())})
    if keep in ("right", "all"):
        empty: Row = dict.fromkeys(own)
        for place, row in enumerate(right):
            if place not in used:
                keys = {name: row.get(other) for name, other in pairs.items()}
                joined.append({**empty, **keys, **_renamed(row, names)})
    return joined


def _right_names(
    right: list[Row], own: list[str], pairs: dict[str, str], suffix: str
) -> dict[str, str]:
    """Return the names that the second table's columns have in the result; those that are compared go."""
    taken, compared = set(own), set(pairs.values())
    names: dict[str, str] = {}
    for name in columns_of(right):
        if name not in compared:
            names[name] = name + suffix if name in taken else name
    if len(set(names.values()) | taken) < len(names) + len(taken):
        raise ValueError(
            f"two columns would have the same name; give another suffix than {suffix!r}"
        )
    return names


def _by_key(rows: list[Row], columns: list[str]) -> dict[Hashable, list[int]]:
    places: dict[Hashable, list[int]] = {}
    for place, row in enumerate(rows):
        key = _key(row, columns)
        if key is not None:
            places.setdefault(key, []).append(place)
    return places


def _key(row: Row, columns: list[str] | dict[str, str]) -> Hashable:
    values = [row.get(name) for name in columns]
    return None if None in values else key_of(values)


def _renamed(row: Row, names: dict[str, str]) -> Row:
    return {new: row.get(old) for old, new in names.items()}


@table_block(
    Example(
        {"rows": _LEFT, "column": "name"},
        {"Ann": {"id": 1, "name": "Ann"}, "Bob": {"id": 2, "name": "Bob"}},
    )
)
def index_by(*, rows: list[dict[str, Any]], column: str) -> dict[str, dict[str, Any]]:
    """Return rows by the texts of a column, each of which must come once.

    - rows: the rows
    - column: the column
    """
    check_columns(rows, [column])
    found: dict[str, Row] = {}
    for place, row in enumerate(rows):
        key = row.get(column)
        if not isinstance(key, str) or key in found:
            raise ValueError(
                f"rows[{place}]: '{column[:80]}' is {'there twice' if isinstance(key, str) else 'not a text'}"
            )
        found[key] = row
    return found
