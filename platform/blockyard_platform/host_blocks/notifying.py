"""Webhooks of stages: whom they are for, how they are signed, and when they are tried again."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Final

from blockyard_platform.containers import fail
from blockyard_platform.errors import StageFailureError
from blockyard_platform.host_blocks.outgoing.asking import Ask, asked
from blockyard_platform.host_blocks.outgoing.connection import Answer, answer_of
from blockyard_platform.host_blocks.outgoing.credentials import with_headers
from blockyard_platform.host_blocks.outgoing.exchange import checked
from blockyard_platform.host_blocks.outgoing.resolving import of_rule
from blockyard_platform.secrets.names import ADMIN
from blockyard_platform.triggers.hooks_out import Backoff, after, signed_headers
from blockyard_sandbox.egress.connecting import Lookups
from blockyard_sandbox.threads import in_thread
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_blocks import Context
    from blockyard_platform.host_blocks.outgoing.places import Place
    from blockyard_schemas.policy import Policy
    from blockyard_schemas.policy_messages import Webhook

ATTEMPTS: Final = 4
"""Attempts at a URL that no rule of the policy names."""

_ANSWER: Final = 64 * 1024
"""Bytes of an answer: nothing of it is used but its status."""

_RETRIED: Final = frozenset({Code.UNHANDLED_EXCEPTION, Code.TIMEOUT})

Addresses = Callable[["Place", Lookups], Awaitable[tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Notice:
    """What a stage says of a delivery."""

    data: Any
    to: str | None
    url: str | None
    secret: str | None = field(repr=False)
    headers: dict[str, str]
    timeout: float


@dataclass(frozen=True, slots=True)
class _Target:
    """Whom a delivery is for, in words that give away no URL, and what it is signed with."""

    shown: str
    ask: Ask
    addresses: Addresses
    backoff: Backoff
    secret: str | None = field(repr=False)


async def notified(notice: Notice, context: Context) -> dict[str, Any]:
    """Deliver, and return the result of notify.webhook. Raises StageFailureError."""
    if not notice.timeout > 0:
        raise fail(Code.INVALID_ARGUMENT, "timeout must be more than 0 seconds")
    target = await _target(notice, context)
    delivery = hashlib.sha256(f"{context.run_id}\0{context.stage}".encode()).hexdigest()[:32]
    begun, attempt = monotonic(), 0
    lookups = Lookups()
    try:
        while True:
            attempt += 1
            answer, failure = await _attempt(target, delivery, notice.timeout, context, lookups)
            # A number that is no status is as good as no answer.
            status = answer.status if answer is not None and answer.status < 600 else None
            again = None if answer is None else answer.headers.get("retry-after")
            chance = random.SystemRandom()
            following = after(target.backoff, attempt, status, monotonic() - begun, chance, again)
            if following.action == "done":
                return {"status": status, "attempts": attempt, "delivery": delivery}
            if following.action == "give-up":
                raise _failed(target, attempt, failure)
            context.log(f"attempt {attempt}: {failure}; the next follows in {following.wait:.1f} s")
            await asyncio.sleep(following.wait)
    finally:
        lookups.close()


async def _attempt(
    target: _Target, delivery: str, seconds: float, context: Context, lookups: Lookups
) -> tuple[Answer | None, str]:
    """Return the answer, if there was one, and what is wrong with it."""
    policy = context.policy
    ask = replace(target.ask, headers={**target.ask.headers, **_signed(target, delivery)})
    try:
        async with asyncio.timeout(seconds):
            addresses = await target.addresses(ask.place, lookups)
            ask = await with_headers(ask, context)
            answer = await answer_of(ask, addresses, _ANSWER, policy.http.certificates)
    except TimeoutError:
        return None, f"no answer within {seconds:g} s"
    except StageFailureError as error:
        if error.code not in _RETRIED:
            raise
        return None, error.message
    return answer, f"the answer is {_named(answer.status)}"


def _signed(target: _Target, delivery: str) -> dict[str, str]:
    """Return the headers of an attempt: each is signed anew, since its time is looked at."""
    if target.secret is None:
        return {"blockyard-delivery": delivery}
    try:
        made = signed_headers(target.ask.body, [target.secret.encode()], delivery, time())
    except ValueError:
        message = "what signs a webhook is a text of at least 16 bytes"
        raise fail(Code.INVALID_ARGUMENT, message) from None
    return {name.lower(): text for name, text in made.items() if name != "Content-Type"}


async def _target(notice: Notice, context: Context) -> _Target:
    if (notice.to is None) == (notice.url is None):
        raise fail(Code.INVALID_ARGUMENT, "give one of to and url")
    policy = context.policy
    if notice.to is None:
        ask = _asked(notice, notice.url or "")

        async def of_hosts(place: Place, lookups: Lookups) -> tuple[str, ...]:
            return await checked(place, policy, lookups)

        shown = f"the webhook at {ask.place.authority}"
        return _Target(shown, ask, of_hosts, _backoff(ATTEMPTS, policy), notice.secret)
    if notice.secret is not None:
        raise fail(Code.INVALID_ARGUMENT, "what signs the policy's webhooks is the policy's to say")
    rule = _rule(notice.to, policy)
    url, secret = await in_thread(lambda: _revealed(rule, context), "blockyard-secrets")

    async def of_webhook(place: Place, lookups: Lookups) -> tuple[str, ...]:
        what = f"webhook '{rule.name}'"
        return await of_rule(place.host, place.port, lookups, private=rule.private, rule=what)

    backoff = _backoff(rule.attempts, policy)
    return _Target(f"the webhook '{rule.name}'", _asked(notice, url), of_webhook, backoff, secret)


def _asked(notice: Notice, url: str) -> Ask:
    for name in notice.headers:
        if name.lower().startswith("blockyard-"):
            raise fail(Code.INVALID_ARGUMENT, f"the header {name.lower()[:60]!a} is the platform's")
    return asked("POST", url.strip(), None, notice.headers, {"json": notice.data})


def _revealed(rule: Webhook, context: Context) -> tuple[str, str | None]:
    url = rule.url if rule.url_secret is None else context.secret(ADMIN + rule.url_secret)
    return url or "", None if rule.secret is None else context.secret(ADMIN + rule.secret)


def _backoff(attempts: int, policy: Policy) -> Backoff:
    return Backoff(attempts, 1.0, 3.0, 60.0, policy.stage.wall_seconds)


def _rule(name: str, policy: Policy) -> Webhook:
    for rule in policy.webhooks:
        if rule.name == name:
            return rule
    known = ", ".join(rule.name for rule in policy.webhooks[:8]) or "none"
    message = (
        f"the policy does not allow the webhook {name[:80]!a}; webhooks that it names: {known}"
    )
    raise fail(Code.FORBIDDEN_HOST, message)


def _failed(target: _Target, attempts: int, failure: str) -> StageFailureError:
    many = f"{attempts} attempt{'s' * (attempts > 1)}"
    message = f"{target.shown} was not delivered in {many}: {failure}"
    return fail(Code.UNHANDLED_EXCEPTION, message)


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
