"""Subscriptions: who is told of what, by signed requests to an address that the tenant chooses and its policy allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blockyard_platform.host_blocks.outgoing.places import UrlError, place_of
from blockyard_platform.service.registry.access import enter, listing
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.registry.errors import InvalidError, NotFoundError
from blockyard_platform.service.registry.names import checked, known
from blockyard_platform.service.registry.paging import FIRST, Ask, Order, Page, fetch
from blockyard_platform.service.scheduler.tables import OUTGOING, SUBSCRIPTIONS
from blockyard_schemas.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection

    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Reading, Writing

MOST = 50
"""Subscriptions that one tenant can have."""
EVENTS = ("run.succeeded", "run.failed", "run.cancelled", "approval.asked")

_ORDER = Order("subscriptions", (SUBSCRIPTIONS.c.tenant, SUBSCRIPTIONS.c.name))


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who is told. ``secret`` is the name of a secret; ``problem`` is why it was switched off by itself."""

    tenant: str
    name: str
    url: str
    events: tuple[str, ...]
    secret: str
    enabled: bool
    author: str
    created: float
    problem: str | None = None


def put(
    work: Writing,
    caller: Caller,
    tenant: str,
    name: str,
    url: str,
    events: Collection[str],
    secret: str,
    *,
    enabled: bool = True,
) -> Subscription:
    """Make a subscription, or change it as a whole. Raises NotFoundError, InvalidError, QuotaError."""
    scope = enter(work, caller, Action.HOOKS_WRITE, tenant)
    row: dict[str, Any] = {
        "name": checked("subscription", name),
        "url": _url(url),
        "events": ",".join(_events(events)),
        "secret": checked("secret", secret),
        "enabled": enabled,
        "problem": None,
        "author": caller.who,
        "created": work.now,
    }
    scope.lock(work)
    mine = SUBSCRIPTIONS.c.name == name
    if not work.change(scope.update(SUBSCRIPTIONS).where(mine).values(**row)):
        scope.limit(work, SUBSCRIPTIONS, MOST, "subscriptions")
        work.change(scope.insert(work, SUBSCRIPTIONS, **row))
    details = {key: row[key] for key in ("events", "secret", "enabled")}
    details["host"] = place_of(row["url"]).authority
    work.note(caller, tenant, "subscriptions.put", f"subscription/{name}", **details)
    return _read(work, caller, tenant, name)


def page(
    work: Reading, caller: Caller, tenant: str | None = None, ask: Ask = FIRST
) -> Page[Subscription]:
    """Return the subscriptions of a tenant, or all that the caller may see, by name."""
    scope = listing(work, caller, Action.HOOKS_READ, tenant)
    return fetch(work, scope.select(SUBSCRIPTIONS), _ORDER, ask, _made)


def delete(work: Writing, caller: Caller, tenant: str, name: str) -> None:
    """Take a subscription away, with what was to be sent to it. Raises NotFoundError."""
    scope = enter(work, caller, Action.HOOKS_WRITE, tenant)
    mine = SUBSCRIPTIONS.c.name == known("subscription", name)
    if not work.change(scope.delete(SUBSCRIPTIONS).where(mine)):
        raise NotFoundError("subscription", name)
    work.change(scope.delete(OUTGOING).where(OUTGOING.c.subscription == name))
    work.note(caller, tenant, "subscriptions.delete", f"subscription/{name}")


def _read(work: Reading, caller: Caller, tenant: str, name: str) -> Subscription:
    scope = enter(work, caller, Action.HOOKS_WRITE, tenant)
    wanted = scope.select(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.name == name)
    return _made(work.connection.execute(wanted).one())


def _url(url: str) -> str:
    try:
        return place_of(url).url
    except UrlError as error:
        raise InvalidError(f"the address cannot be taken: {error}") from None


def _events(events: Collection[str]) -> tuple[str, ...]:
    for each in events:
        if each not in EVENTS:
            hint = did_you_mean(each, EVENTS) or f"known are: {', '.join(EVENTS)}"
            raise InvalidError(f"there is no event {each[:60]!r}", hint)
    if not events:
        raise InvalidError(
            "a subscription has at least one event", f"known are: {', '.join(EVENTS)}"
        )
    return tuple(each for each in EVENTS if each in events)


def _made(row: Any) -> Subscription:
    return Subscription(
        tenant=row.tenant,
        name=row.name,
        url=row.url,
        events=tuple(row.events.split(",")),
        secret=row.secret,
        enabled=row.enabled,
        author=row.author,
        created=row.created,
        problem=row.problem,
    )
