"""What the blocks of the family table share: rows as dicts, and the names of their columns."""

import difflib
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeAlias

from blockyard_blocks.comparing import key_of

Row: TypeAlias = dict[str, Any]


def columns_of(rows: Iterable[Row]) -> list[str]:
    """Return the names of all columns, in the order in which they first come."""
    return list(dict.fromkeys(name for row in rows for name in row))


def check_columns(rows: Sequence[Row], wanted: Iterable[str]) -> None:
    """Raise ValueError for a column that no row has; a table without rows may have any."""
    missing = next((name for name in wanted if not any(name in row for row in rows)), None)
    if missing is not None and rows:
        known = columns_of(rows)
        near = difflib.get_close_matches(missing[:80], known, n=1)
        hint = (
            f"did you mean '{near[0]}'?" if near else f"the columns are: {', '.join(known)[:400]}"
        )
        raise ValueError(f"no row has a column '{missing[:80]}'; {hint}")


def grouped(rows: Iterable[Row], by: Sequence[str]) -> dict[Hashable, list[Row]]:
    """Return rows by the values of some columns, in the order of the first of each."""
    groups: dict[Hashable, list[Row]] = {}
    for row in rows:
        groups.setdefault(key_of([row.get(name) for name in by]), []).append(row)
    return groups
