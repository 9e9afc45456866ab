"""One request and its redirects: each place is checked by name, then by address, and connected to at a checked address."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from blockyard_platform.containers import fail
from blockyard_platform.host_blocks.outgoing.bodies import shaped
from blockyard_platform.host_blocks.outgoing.connection import answer_of
from blockyard_platform.host_blocks.outgoing.places import UrlError, redirected
from blockyard_platform.host_blocks.outgoing.resolving import resolved
from blockyard_platform.packages import hosts_of
from blockyard_sandbox.egress.addresses import addresses_allowed
from blockyard_sandbox.egress.connecting import Lookups
from blockyard_sandbox.egress.hosts import written
from blockyard_sandbox.threads import in_thread
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from blockyard_platform.host_blocks.outgoing.asking import Ask
    from blockyard_platform.host_blocks.outgoing.connection import Answer
    from blockyard_platform.host_blocks.outgoing.places import Place
    from blockyard_schemas.policy import Policy

    Dress: TypeAlias = Callable[[Ask], Awaitable[Ask]]

MOST_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one request may take: seconds in all, bytes of the body, redirects."""

    seconds: float
    size: int
    follow: int

    @staticmethod
    def of(seconds: float, size: int | None, follow: int, policy: Policy) -> Bounds:
        """Return what a tenant asks for, held to the policy; raise StageFailureError for what cannot be."""
        if not seconds > 0:
            raise fail(Code.INVALID_ARGUMENT, "timeout must be more than 0 seconds")
        if size is not None and size < 1:
            raise fail(Code.INVALID_ARGUMENT, "max_bytes must be at least 1")
        if not 0 <= follow <= MOST_REDIRECTS:
            raise fail(Code.INVALID_ARGUMENT, f"follow must be from 0 to {MOST_REDIRECTS}")
        most = policy.stage.result_kib * 1024
        wall = policy.stage.wall_seconds
        return Bounds(min(seconds, wall), most if size is None else min(size, most), follow)


async def as_it_is(ask: Ask) -> Ask:
    """Return a request with nothing added."""
    return ask


async def exchange(
    ask: Ask, bounds: Bounds, policy: Policy, dress: Dress = as_it_is, *, raise_for_status: bool
) -> dict[str, Any]:
    """Send a request, follow its redirects, and return the result of http.request. ``dress`` adds what each place is shown beside.

    Raises StageFailureError: FORBIDDEN_HOST, RESULT_LIMIT, TIMEOUT, and UNHANDLED_EXCEPTION when the network, the host, or
    with ``raise_for_status`` the status stands against it.
    """
    host = ask.place.authority
    try:
        async with asyncio.timeout(bounds.seconds):
            last, answer = await _followed(ask, bounds, policy, dress)
            body, form = await in_thread(lambda: shaped(answer), "blockyard-http-body")
    except TimeoutError:
        message = f"{host} has not answered in full within {bounds.seconds:g} s"
        raise fail(Code.TIMEOUT, message) from None
    if raise_for_status and answer.status >= HTTPStatus.BAD_REQUEST:
        message = f"{last.place.authority} answers {_named(answer.status)}"
        raise fail(Code.UNHANDLED_EXCEPTION, message)
    return {
        "status": answer.status,
        "url": last.place.url,
        "headers": answer.headers,
        "body": body,
        "format": form,
    }


async def _followed(ask: Ask, bounds: Bounds, policy: Policy, dress: Dress) -> tuple[Ask, Answer]:
    lookups = Lookups()
    try:
        for left in range(bounds.follow, -1, -1):
            addresses = await checked(ask.place, policy, lookups)
            sent = await dress(ask)
            answer = await answer_of(sent, addresses, bounds.size, policy.http.certificates)
            location = answer.headers.get("location")
            if not bounds.follow or location is None or answer.status not in _REDIRECTS:
                return ask, answer
            if not left:
                break
            ask = ask.redirected(answer.status, _next(ask.place, location))
    finally:
        lookups.close()
    message = f"{ask.place.authority} redirects more than {bounds.follow} times"
    raise fail(Code.UNHANDLED_EXCEPTION, message)


def _next(place: Place, location: str) -> Place:
    try:
        return redirected(place, location)
    except UrlError as error:
        message = f"{place.authority} redirects to where nothing may be asked: {error}"
        raise fail(Code.FORBIDDEN_HOST, message) from None


async def checked(place: Place, policy: Policy, lookups: Lookups) -> tuple[str, ...]:
    """Return the addresses of a place that the policy allows; it is looked up once, and only when a rule names it."""
    shown = written(place.host, place.port)
    rules = hosts_of([shown], policy)
    addresses = await resolved(place.host, place.port, lookups)
    if not addresses_allowed(addresses, private=any(rule.private for rule in rules)):
        message = f"the policy's hosts do not allow the address of {shown}"
        raise fail(Code.FORBIDDEN_HOST, message)
    return addresses


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
