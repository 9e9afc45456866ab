"""Pages of listings, by the key of the last row: however far in, a page costs the same, and no row is told twice.

A cursor says where to go on, in the listing that gave it. It is not signed, as it gives no right: the scope decides what is
seen. It is read strictly, since it comes back from outside.
"""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import sqlalchemy as sa

from blockyard_platform.service.registry.errors import InvalidError
from blockyard_schemas.plain import is_list

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blockyard_platform.service.registry.database import Reading

T = TypeVar("T")

MOST = 500
"""The most rows of a page."""
LONGEST = 8 * 1024**2
"""Characters of a page's long columns: a page ends before them, unless its first row alone has more."""
_LONG = frozenset(
    ("body", "data", "document", "error", "outputs", "params", "policy", "text", "variables")
)
"""Columns in which a tenant can have much: how long they are is looked at before they are read."""

_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,2000}")
_NEVER = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Ask:
    """Which page: at most ``limit`` rows ``after`` a cursor, or from the beginning."""

    after: str | None = None
    limit: int = 100


FIRST = Ask()
"""The first page, of the usual length."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and the cursor of the ``next`` page, if there is one."""

    items: tuple[T, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a listing, by columns that together are unique; ``name`` is what its cursors are bound to."""

    name: str
    columns: tuple[sa.Column[Any], ...]
    latest_first: bool = False


def fetch(
    work: Reading, query: sa.Select[Any], order: Order, ask: Ask, make: Callable[[Any], T]
) -> Page[T]:
    """Return a page of a query, shorter than asked where its rows are long. Raises InvalidError for a limit or a cursor that cannot be."""
    if not 1 <= ask.limit <= MOST:
        raise InvalidError(f"a page cannot have {ask.limit} rows", f"ask for 1 to {MOST}")
    if ask.after is not None:
        query = query.where(_beyond(order, read_cursor(order, ask.after)))
    columns = [it.desc() if order.latest_first else it.asc() for it in order.columns]
    # One row more tells whether there is another page.
    query = query.order_by(*columns)
    limit = _fitting(work, query, ask.limit)
    rows: list[Any] = list(work.connection.execute(query.limit(limit + 1)))
    following = None
    if len(rows) > limit:
        rows.pop()
        following = make_cursor(order, [rows[-1]._mapping[it.name] for it in order.columns])
    return Page(tuple(make(row) for row in rows), following)


def _fitting(work: Reading, query: sa.Select[Any], most: int) -> int:
    """Return how many of the first rows are short enough to be read together: at least one, and at most ``most``."""
    long = [it for it in query.selected_columns if it.name in _LONG]
    if not long:
        return most
    lengths = [sa.func.coalesce(sa.func.length(it), 0) for it in long]
    total: sa.ColumnElement[int] = sum(lengths[1:], lengths[0])
    sizes = query.with_only_columns(total, maintain_column_froms=True).limit(most)
    sums = enumerate(accumulate(work.connection.scalars(sizes)))
    return max(next((at for at, held in sums if held > LONGEST), most), 1)


def make_cursor(order: Order, values: Sequence[Any]) -> str:
    """Return the cursor of what comes after a row with these values."""
    text = json.dumps([order.name, *values], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def read_cursor(order: Order, cursor: str) -> list[Any]:
    """Return the values in a cursor. Raises InvalidError for one that this listing has not made."""
    try:
        if not _CURSOR.fullmatch(cursor):
            raise ValueError
        padded = cursor + "=" * (-len(cursor) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True).decode())
        if not is_list(found) or len(found) != len(order.columns) + 1 or found[0] != order.name:
            raise ValueError
        values = found[1:]
        if not all(map(_fits, order.columns, values)) or make_cursor(order, values) != cursor:
            raise ValueError
    except (ValueError, RecursionError):
        raise InvalidError(
            "this is no cursor of this listing", "give `next` of the page before, as it stands"
        ) from None
    return values


def _beyond(order: Order, values: Sequence[Any]) -> sa.ColumnElement[bool]:
    bound = [sa.literal(it, column.type) for column, it in zip(order.columns, values, strict=True)]
    here, there = sa.tuple_(*order.columns), sa.tuple_(*bound)
    return here < there if order.latest_first else here > there


def _fits(column: sa.Column[Any], value: Any) -> bool:
    """Whether a value can stand in a column of both databases."""
    kind = column.type
    if isinstance(kind, sa.Integer):
        bits = 63 if isinstance(kind, sa.BigInteger) else 31
        return type(value) is int and abs(value) < 2**bits
    if isinstance(kind, sa.Float):
        return type(value) is float and math.isfinite(value)
    return isinstance(value, str) and _NEVER.search(value) is None
