"""The audit log as callers see it: page by page, as lines to be kept elsewhere, and its end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from blockyard_platform.service.registry.access import Action, check, listing
from blockyard_platform.service.registry.audit import Head, as_line, read_head
from blockyard_platform.service.registry.errors import ForbiddenError
from blockyard_platform.service.registry.paging import FIRST, MOST, Ask, Order, Page, fetch
from blockyard_platform.service.registry.tables import AUDIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blockyard_platform.service.registry.access import Caller
    from blockyard_platform.service.registry.database import Reading

_ORDER = Order("audit", (AUDIT.c.seq,))
_LATEST = Order("audit-latest", (AUDIT.c.seq,), latest_first=True)


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


def _made(row: Any) -> dict[str, Any]:
    return dict(row._mapping) | {"details": json.loads(row.details)}
