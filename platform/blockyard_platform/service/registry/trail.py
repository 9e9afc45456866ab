"""The audit log as callers see it: page by page, as lines to be kept elsewhere, and its end."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blockyard_platform.service.registry.access import check, listing
from blockyard_platform.service.registry.audit import BEGINNING, Head, as_line, read_head, verify
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.registry.errors import ForbiddenError, InvalidError
from blockyard_platform.service.registry.paging import (
    FIRST,
    MOST,
    Ask,
    Order,
    Page,
    fetch,
    make_cursor,
)
from blockyard_platform.service.registry.tables import AUDIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Reading

_ORDER = Order("audit", (AUDIT.c.seq,))
_LATEST = Order("audit-latest", (AUDIT.c.seq,), latest_first=True)


MOST_VERIFIED = 100_000
"""Rows that are verified at once."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found of a part of the log: ``wrong`` is the number of the first row that is not what was written.

    ``end`` is where the part ends, from which to go on when ``more`` follows.
    """

    wrong: int | None
    end: Head
    more: bool


def page(
    work: Reading,
    caller: Caller,
    tenant: str | None = None,
    ask: Ask = FIRST,
    *,
    latest_first: bool = True,
) -> Page[dict[str, Any]]:
    """Return rows of a tenant, or all that the caller may see. A tenant's rows alone have gaps, and are no chain."""
    scope = listing(work, caller, Action.AUDIT_READ, tenant)
    order = _LATEST if latest_first else _ORDER
    return fetch(work, scope.select(AUDIT), order, ask, _made)


def lines(work: Reading, caller: Caller, tenant: str | None = None) -> Iterator[str]:
    """Yield the log as lines of JSON, from its beginning, for :func:`audit.read_lines` and :func:`audit.verify`."""
    ask = Ask(None, MOST)
    while True:
        found = page(work, caller, tenant, ask, latest_first=False)
        yield from map(as_line, found.items)
        if found.next is None:
            return
        ask = Ask(found.next, MOST)


def head(work: Reading, caller: Caller) -> Head:
    """Return the end of the log: to be noted where who can write to the database cannot. Raises ForbiddenError for a tenant's own people."""
    check(caller, Action.AUDIT_READ)
    if caller.tenant is not None:
        raise ForbiddenError("the log's end is of all tenants", "ask an admin of the platform")
    return read_head(work.connection)


def verified(
    work: Reading, caller: Caller, base: Head = BEGINNING, most: int = MOST_VERIFIED
) -> Verified:
    """Verify up to ``most`` rows after ``base``, the end of what was verified before. Raises as :func:`head`, and InvalidError."""
    last = head(work, caller)
    if not 1 <= most <= MOST_VERIFIED or not 0 <= base.seq < 2**63:
        raise InvalidError("so many rows are not verified", f"ask for 1 to {MOST_VERIFIED}")
    done = 0
    while done < most and base.seq < last.seq:
        ask = Ask(make_cursor(_ORDER, [base.seq]), min(MOST, most - done))
        rows = page(work, caller, None, ask, latest_first=False).items
        wrong = verify(rows, base=base)
        if wrong is not None or not rows:
            return Verified(base.seq + (wrong or 0) + 1, base, more=False)
        base = Head(rows[-1]["seq"], rows[-1]["hash"])
        done += len(rows)
    cut = base.seq > last.seq or (base.seq == last.seq and base.hash != last.hash)
    return Verified(last.seq if cut else None, base, more=base.seq < last.seq)


def _made(row: Any) -> dict[str, Any]:
    return dict(row._mapping) | {"details": json.loads(row.details)}
