"""One attempt of a webhook that goes out: under the tenant's policy, as http.request is, and without redirects."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blockyard_platform.errors import StageFailureError
from blockyard_platform.host_blocks.outgoing.asking import Ask
from blockyard_platform.host_blocks.outgoing.connection import answer_of
from blockyard_platform.host_blocks.outgoing.exchange import checked
from blockyard_platform.host_blocks.outgoing.places import place_of
from blockyard_platform.secrets.errors import SealedError
from blockyard_platform.service.registry import policies, tenants
from blockyard_platform.service.registry.access import enter
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.registry.errors import NotFoundError
from blockyard_platform.service.scheduler import outgoing
from blockyard_platform.service.scheduler.tables import SUBSCRIPTIONS
from blockyard_platform.triggers.hooks_out import Backoff, Next, after, signed_headers
from blockyard_sandbox.egress.connecting import Lookups
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blockyard_platform.host_blocks.outgoing.connection import Answer
    from blockyard_platform.service.registry.database import Database
    from blockyard_platform.service.scheduler.outgoing import Outgoing
    from blockyard_platform.service.scheduler.seam import Reveal
    from blockyard_schemas.policy import Policy

SECONDS = 15.0
"""Seconds that an attempt may take."""
_MOST_ANSWER = 256 * 1024
_SERVICE = Caller.service()
_CHANCE = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an attempt needs."""

    url: str
    policy: Policy
    secrets: Sequence[bytes]
    now: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: the status of the answer, or why there is none; what follows."""

    next: Next
    status: int | None = None
    problem: str = ""


def prepare(database: Database, reveal: Reveal, each: Outgoing) -> Prepared | str:
    """Return what an attempt needs, or why there is none to be made."""
    with database.reading() as work:
        try:
            scope = enter(work, _SERVICE, Action.HOOKS_SEND, each.tenant)
            if tenants.read(work, _SERVICE, each.tenant).disabled is not None:
                return "the tenant is disabled"
            wanted = scope.select(SUBSCRIPTIONS, SUBSCRIPTIONS.c.url, SUBSCRIPTIONS.c.secret)
            mine = (SUBSCRIPTIONS.c.name == each.subscription, SUBSCRIPTIONS.c.enabled.is_(True))
            row = work.connection.execute(wanted.where(*mine)).first()
            if row is None:
                return "the subscription is switched off, or not there any more"
            policy, now = policies.current(work, _SERVICE, each.tenant).policy, work.now
        except NotFoundError as error:
            return str(error)
    try:
        secrets = reveal(each.tenant, row.secret)
    except (NotFoundError, SealedError) as error:
        return str(error)
    return Prepared(row.url, policy, secrets, now) if secrets else "the secret is not there"


async def attempt(each: Outgoing, prepared: Prepared, backoff: Backoff) -> Outcome:
    """Send a delivery once, and return what became of it."""
    body = each.body.encode()
    try:
        headers = signed_headers(body, prepared.secrets, each.id, prepared.now)
    except ValueError as error:
        return Outcome(Next("give-up"), problem=str(error))
    lower = {name.lower(): text for name, text in headers.items()}
    ask = Ask("POST", place_of(prepared.url), lower, body)
    status: int | None = None
    retry_after: str | None = None
    try:
        answer = await _answer(ask, prepared.policy)
        status, retry_after = answer.status, answer.headers.get("retry-after")
        problem = f"the receiver answers {status}"
    except TimeoutError:
        problem = f"the receiver has not answered within {SECONDS:g} s"
    except StageFailureError as error:
        problem = str(error)
        if error.code is Code.FORBIDDEN_HOST:
            return Outcome(Next("give-up"), problem=problem)
    if status is not None and not 100 <= status <= 599:
        status = None
    first = prepared.now if each.first is None else each.first
    following = after(
        backoff, each.tries + 1, status, max(0.0, prepared.now - first), _CHANCE, retry_after
    )
    return Outcome(following, status, problem)


async def _answer(ask: Ask, policy: Policy) -> Answer:
    """Return what a place answers that the policy allows, at an address that was checked. Raises StageFailureError, TimeoutError."""
    lookups = Lookups()
    try:
        async with asyncio.timeout(SECONDS):
            addresses = await checked(ask.place, policy, lookups)
            return await answer_of(ask, addresses, _MOST_ANSWER, policy.http.certificates)
    finally:
        lookups.close()


def note(database: Database, each: Outgoing, outcome: Outcome) -> None:
    """Write down what became of an attempt."""
    with database.writing() as work:
        if outcome.next.action == "done":
            outgoing.arrived(work, each.tenant, each.id)
            return
        again = outcome.next.action == "retry"
        due = work.now + outcome.next.wait if again else None
        outgoing.failed(work, each.tenant, each.id, due, outcome.status, outcome.problem)
        if outcome.next.gone:
            said = "the receiver says that it is gone (410)"
            outgoing.switch_off(work, each.tenant, each.subscription, said)
