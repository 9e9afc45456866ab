"""Webhooks to send: written in the transaction of what they tell of, leased by a sender, tried again, and dead in the end.

Each arrives at least once, with an id by which a receiver knows it: the same at each attempt.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import sqlalchemy as sa

from blockyard_platform.service.registry.access import enter, listing
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.registry.errors import NotFoundError
from blockyard_platform.service.registry.paging import FIRST, Ask, Order, Page, fetch
from blockyard_platform.service.scheduler.tables import OUTGOING, SUBSCRIPTIONS
from blockyard_platform.service.scheduler.timing import instant
from blockyard_platform.store.lists import among, inserting, texts

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from blockyard_platform.service.registry.access import Scope
    from blockyard_platform.service.registry.database import Reading, Writing

LEASE = 120.0
"""Seconds for which a delivery is one sender's; an attempt takes less."""
MOST_OPEN = 10_000
"""Deliveries of a tenant that wait: what comes when as many do is not sent, and is dead from the beginning."""
MOST_DEAD = 1_000
"""Dead deliveries that are kept of a tenant."""
SHARE = 4
"""Deliveries of one tenant that a sender takes at once: slow receivers of one do not keep others waiting."""

_SERVICE = Caller.service()
_ORDER = Order("outgoing", (OUTGOING.c.made, OUTGOING.c.id), latest_first=True)
_PRUNED = 200
_FAR = 86_400.0
_FULL = "too many deliveries wait"


class News(NamedTuple):
    """What a tenant's subscribers are told; ``data`` goes into the body."""

    tenant: str
    event: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A webhook to send; without ``due`` it is dead. ``first`` is when it was tried first, ``status`` what was answered last."""

    id: str
    tenant: str
    subscription: str
    event: str
    body: str
    made: float
    due: float | None
    tries: int
    first: float | None
    status: int | None
    problem: str | None


def tell(work: Writing, scope: Scope, event: str, data: dict[str, Any]) -> int:
    """Write a delivery for each subscription of a tenant to an event, and return how many; ``data`` goes into its body."""
    return tell_all(work, [News(scope.tenant or "", event, data)])


def tell_all(work: Writing, news: Sequence[News]) -> int:
    """Write a delivery for each subscription to one of several events, and return how many."""
    if not news:
        return 0
    dialect = work.connection.dialect.name
    scope = listing(work, _SERVICE, Action.HOOKS_SEND)
    asked = {"tenants": texts(dialect, {it.tenant for it in news})}
    rows: list[Any] = list(work.connection.execute(_subscribed(scope, dialect), asked))
    told: dict[str, list[dict[str, Any]]] = {}
    for it in news if rows else ():
        chosen = [r for r in rows if r.tenant == it.tenant and it.event in r.events.split(",")]
        if chosen:
            told.setdefault(it.tenant, []).extend(_delivery(work, it, row.name) for row in chosen)
    for tenant, deliveries in sorted(told.items()):
        _send(work, enter(work, _SERVICE, Action.HOOKS_SEND, tenant), deliveries)
    return sum(map(len, told.values()))


@cache
def _subscribed(scope: Scope, dialect: str) -> sa.Executable:
    mine = (SUBSCRIPTIONS.c.enabled.is_(True), among(dialect, SUBSCRIPTIONS.c.tenant, "tenants"))
    return scope.select(SUBSCRIPTIONS).where(*mine).order_by(SUBSCRIPTIONS.c.name)


def _delivery(work: Writing, news: News, subscription: str) -> dict[str, Any]:
    ident = uuid4().hex
    body = {
        "id": ident,
        "event": news.event,
        "at": instant(work.now).isoformat(),
        "tenant": news.tenant,
    }
    return {
        "id": ident,
        "subscription": subscription,
        "event": news.event,
        "body": json.dumps(body | news.data, separators=(",", ":")),
        "made": work.now,
        "lease": 0.0,
        "tries": 0,
    }


def _send(work: Writing, scope: Scope, deliveries: Sequence[dict[str, Any]]) -> None:
    """Write deliveries of a tenant: as many as may wait, and the others as dead ones."""
    some = scope.select(OUTGOING, OUTGOING.c.id).where(OUTGOING.c.due.is_not(None))
    count = sa.select(sa.func.count()).select_from(some.limit(MOST_OPEN).subquery())
    room = max(MOST_OPEN - (work.connection.scalar(count) or 0), 0)
    sent = [scope.row(**it, due=work.now, problem=None) for it in deliveries[:room]]
    dead = [scope.row(**it, due=None, problem=_FULL) for it in deliveries[room:]]
    work.connection.execute(inserting(work.connection.dialect.name, OUTGOING), sent + dead)


def is_due(work: Reading) -> bool:
    """Whether there is a delivery to take; asked first, so that nobody writes for nothing."""
    scope = listing(work, _SERVICE, Action.HOOKS_SEND)
    wanted = scope.select(OUTGOING, OUTGOING.c.id).where(*_ready(work.now))
    return work.connection.execute(wanted.limit(1)).first() is not None


def take(work: Writing, limit: int, busy: Collection[str] = ()) -> tuple[Outgoing, ...]:
    """Lease deliveries that are due, of each tenant a few, and none of those that are ``busy``."""
    scope = listing(work, _SERVICE, Action.HOOKS_SEND)
    place = sa.func.row_number().over(partition_by=OUTGOING.c.tenant, order_by=OUTGOING.c.due)
    ready = scope.select(OUTGOING, OUTGOING.c.id, place.label("place")).where(
        *_ready(work.now), OUTGOING.c.tenant.not_in(list(busy))
    )
    ready_ids = ready.subquery()
    few = sa.and_(ready_ids.c.id == OUTGOING.c.id, ready_ids.c.place <= SHARE)
    chosen = scope.select(OUTGOING).join(ready_ids, few).order_by(OUTGOING.c.due, OUTGOING.c.id)
    # Another sender may take one meanwhile: the update says whose it is.
    rows: list[Any] = list(work.connection.execute(chosen.limit(limit)))
    return tuple(_made(row) for row in rows if _lease(work, row))


def _lease(work: Writing, row: Any) -> bool:
    scope = enter(work, _SERVICE, Action.HOOKS_SEND, row.tenant)
    mine = (OUTGOING.c.id == row.id, *_ready(work.now))
    values = {
        "lease": work.now + LEASE,
        "tries": OUTGOING.c.tries + 1,
        "first": sa.func.coalesce(OUTGOING.c.first, work.now),
    }
    return work.change(scope.update(OUTGOING).where(*mine).values(values)) == 1


def arrived(work: Writing, tenant: str, ident: str) -> None:
    """Take a delivery away that was answered well."""
    scope = enter(work, _SERVICE, Action.HOOKS_SEND, tenant)
    work.change(scope.delete(OUTGOING).where(OUTGOING.c.id == ident))


def failed(
    work: Writing, tenant: str, ident: str, due: float | None, status: int | None, problem: str
) -> None:
    """Note what became of an attempt, and when the next is due; without one, the delivery is dead."""
    scope = enter(work, _SERVICE, Action.HOOKS_SEND, tenant)
    values = {"lease": 0.0, "due": due, "status": status, "problem": problem[:1_000]}
    mine = (OUTGOING.c.id == ident, OUTGOING.c.due.is_not(None))
    work.change(scope.update(OUTGOING).where(*mine).values(values))
    if due is None:
        dead = scope.select(OUTGOING, OUTGOING.c.id).where(OUTGOING.c.due.is_(None))
        rest = dead.order_by(OUTGOING.c.made.desc(), OUTGOING.c.id).limit(_PRUNED)
        old = list(work.connection.execute(rest.offset(MOST_DEAD)).scalars())
        if old:
            work.change(scope.delete(OUTGOING).where(OUTGOING.c.id.in_(old)))


def switch_off(work: Writing, tenant: str, subscription: str, problem: str) -> None:
    """Tell a subscriber no more that wants no more, and note why."""
    scope = enter(work, _SERVICE, Action.HOOKS_SEND, tenant)
    mine = SUBSCRIPTIONS.c.name == subscription
    values = {"enabled": False, "problem": problem}
    work.change(scope.update(SUBSCRIPTIONS).where(mine).values(values))


def earliest(work: Reading) -> float | None:
    """Return when the next delivery is to be looked at."""
    scope = listing(work, _SERVICE, Action.HOOKS_SEND)
    at = sa.case((OUTGOING.c.lease > OUTGOING.c.due, OUTGOING.c.lease), else_=OUTGOING.c.due)
    wanted = scope.select(OUTGOING, sa.func.min(at)).where(OUTGOING.c.due.is_not(None))
    found: float | None = work.connection.scalar(wanted)
    return found


def again(work: Writing, caller: Caller, tenant: str, ident: str) -> None:
    """Send a dead delivery once more, as if it were new. Raises NotFoundError."""
    scope = enter(work, caller, Action.HOOKS_WRITE, tenant)
    mine = (OUTGOING.c.id == ident, OUTGOING.c.due.is_(None))
    values = {"due": work.now, "tries": 0, "first": None, "lease": 0.0}
    if not work.change(scope.update(OUTGOING).where(*mine).values(values)):
        raise NotFoundError("dead delivery", ident)
    work.note(caller, tenant, "outgoing.again", f"outgoing/{ident}")


def page(
    work: Reading, caller: Caller, tenant: str | None = None, ask: Ask = FIRST
) -> Page[Outgoing]:
    """Return deliveries that wait and dead ones, the latest first."""
    scope = listing(work, caller, Action.HOOKS_READ, tenant)
    return fetch(work, scope.select(OUTGOING), _ORDER, ask, _made)


def _ready(now: float) -> tuple[sa.ColumnElement[bool], ...]:
    free = (OUTGOING.c.lease <= now) | (OUTGOING.c.lease > now + 2 * LEASE)
    # What is due later than any attempt can be was put off before the clock was put back.
    return (OUTGOING.c.due <= now) | (OUTGOING.c.due > now + _FAR), free


def _made(row: Any) -> Outgoing:
    found = row._mapping
    names = (
        "id",
        "tenant",
        "subscription",
        "event",
        "body",
        "made",
        "due",
        "tries",
        "first",
        "status",
        "problem",
    )
    return Outgoing(**{name: found[name] for name in names})
