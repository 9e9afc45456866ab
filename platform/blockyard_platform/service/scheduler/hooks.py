"""Webhooks that come in: from a request to a run, without any framework.

Whoever has not signed learns nothing: an unknown tenant, an unknown path and a wrong signature have one answer, and the same is
computed for each. What may be told is told to those who have.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections import Counter
from dataclasses import dataclass, field
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

from blockyard_platform.errors import ExpressionError
from blockyard_platform.secrets.errors import SealedError
from blockyard_platform.service.registry.access import enter
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.registry.errors import (
    ConflictError,
    DisabledError,
    InvalidError,
    NotFoundError,
    QuotaError,
)
from blockyard_platform.service.runs.orders import Order, RefusedError
from blockyard_platform.service.scheduler import deliveries
from blockyard_platform.service.scheduler.tables import HOOKS
from blockyard_platform.triggers.filling import filled
from blockyard_platform.triggers.hooks_in import Delivery, Reason, Refusal, Request, Rules, receive
from blockyard_platform.triggers.reading import read_triggers
from blockyard_platform.triggers.signatures import SHORTEST_SECRET
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blockyard_platform.service.registry.database import Database
    from blockyard_platform.service.runs.orders import Accepted
    from blockyard_platform.service.scheduler.seam import Reveal, Runs, Waiter
    from blockyard_platform.triggers.reading import Hook
    from blockyard_platform.triggers.replay import Answer as Admitted

_LOG = logging.getLogger(__name__)
MOST_WAITING = 200
"""Requests of one process that wait for a run's end at once; one more is answered as if its hook were async."""
SHARE = 4
"""One tenant has at most one in so many of them: slow workflows of one leave room for those of others."""

_SERVICE = Caller.service()
_LONGEST_PATH = 260
_LONGEST_ORIGIN = 250


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told: a status of HTTP, and a JSON body with ``run_id``, ``status``, ``outputs`` or ``error``."""

    status: int
    run_id: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class _Target:
    """A hook, and what its requests may be signed with. ``known`` is False where there is none, and nothing can be signed."""

    hook: Hook
    workflow: str
    secrets: Sequence[bytes]
    known: bool = True


class HookDesk:
    """Takes requests in. May be used by many at once; what is remembered stands in the database."""

    def __init__(
        self,
        database: Database,
        runs: Runs,
        reveal: Reveal,
        waiter: Waiter,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """Take nothing yet."""
        self._database = database
        self._runs = runs
        self._reveal = reveal
        self._waiter = waiter
        self._most_waiting = most_waiting
        self._waiting: Counter[str] = Counter()
        self._nobody = (token_bytes(32),)

    async def deliver(
        self, tenant: str, path: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Answer:
        """Take a request, and answer it; ``headers`` by their names in lower case, ``now`` in Unix seconds.

        202 with the run's id, or, of a hook that is sync, 200 with its outputs and 500 when it failed. Refusals are 401 (for all that
        is wrong before the sender is known), 413, 415, 400, 409, 422, 429 and 503.
        """
        told = await asyncio.to_thread(self._taken, tenant, path, headers, body, now)
        if isinstance(told, Answer):
            return told
        accepted, hook = told
        begun = Answer(202, accepted.run_id, {"run_id": accepted.run_id})
        if hook.mode == "async" or not self._has_room(tenant):
            return begun
        self._waiting[tenant] += 1
        try:
            ended = await self._waiter(tenant, accepted.run_id, hook.timeout)
        finally:
            self._waiting[tenant] -= 1
            if not self._waiting[tenant]:
                del self._waiting[tenant]
        if ended is None:
            return begun
        success = ended.status is Status.SUCCESS
        said: dict[str, Any] = {"run_id": accepted.run_id, "status": ended.status.value}
        if success:
            said["outputs"] = ended.outputs
        return Answer(200 if success else 500, accepted.run_id, said)

    def _has_room(self, tenant: str) -> bool:
        share = max(1, self._most_waiting // SHARE)
        return self._waiting.total() < self._most_waiting and self._waiting[tenant] < share

    def _taken(
        self, tenant: str, path: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Answer | tuple[Accepted, Hook]:
        target = self._target(tenant, path)
        noted = _Noted()
        signed = target.hook.signature
        request = Request(body, headers.get(signed.header.lower()), headers.get("content-type", ""))
        rules = Rules(style=signed.style, window=int(signed.window))
        delivery = receive(request, rules, target.secrets, noted, now)
        if not isinstance(delivery, Refusal) and not target.known:
            return _refused(Refusal(Reason.BAD_SIGNATURE))
        if isinstance(delivery, Refusal):
            return _refused(delivery)
        try:
            params = filled(target.hook.params, "event", _event(target.hook, delivery))
        except ExpressionError:
            return _said(422, "the request does not have what the workflow needs")
        return self._submitted(tenant, target, delivery, noted.until, params)

    def _target(self, tenant: str, path: str) -> _Target:
        """Return the hook of a path; another that nobody can sign for, when there is none."""
        found: Any = None
        if 0 < len(path) <= _LONGEST_PATH and path.isascii() and path.isprintable():
            try:
                with self._database.reading() as work:
                    scope = enter(work, _SERVICE, Action.HOOKS_SEND, tenant)
                    wanted = scope.select(HOOKS).where(HOOKS.c.path == path)
                    found = work.connection.execute(wanted).first()
            except NotFoundError:
                found = None
        if found is None:
            return _Target(_ABSENT, "", self._nobody, known=False)
        hook = read_triggers({"webhook": json.loads(found.spec)}).hooks[0]
        secrets = self._opened(tenant, hook.signature.secret)
        return _Target(hook, found.workflow, secrets or self._nobody, known=bool(secrets))

    def _opened(self, tenant: str, secret: str) -> Sequence[bytes]:
        try:
            found = self._reveal(tenant, secret)
        except NotFoundError:
            return ()
        except SealedError as error:
            _LOG.warning("a webhook of the tenant %s takes nothing: %s", tenant, error)
            return ()
        return tuple(each for each in found if len(each) >= SHORTEST_SECRET)

    def _submitted(
        self,
        tenant: str,
        target: _Target,
        delivery: Delivery,
        until: float,
        params: dict[str, Any],
    ) -> Answer | tuple[Accepted, Hook]:
        key = hashlib.sha256(f"{target.hook.name}\n{delivery.key}".encode()).hexdigest()
        with self._database.writing() as work:
            admitted = deliveries.admit(work, tenant, key, until)
        if admitted in ("seen", "full"):
            reason = Reason.REPLAYED if admitted == "seen" else Reason.TOO_MANY
            return _refused(Refusal(reason))
        order = Order(
            tenant=tenant,
            workflow=target.workflow,
            params=params,
            key=f"webhook/{key}",
            origin=f"webhook/{target.hook.name}"[:_LONGEST_ORIGIN],
        )
        try:
            accepted = self._runs.submit(Caller.service(tenant), order)
        except tuple(_SAID) as error:
            with self._database.writing() as work:
                deliveries.withdraw(work, tenant, key)
            return _said(*next(said for kind, said in _SAID.items() if isinstance(error, kind)))
        with self._database.writing() as work:
            first = deliveries.mark(work, tenant, key, accepted.run_id)
        # Of two that came at once, one is the delivery, and the other its copy.
        return (accepted, target.hook) if first else _refused(Refusal(Reason.REPLAYED))


class _Noted:
    """Stands for the guard: the last word is the database's, when all else is known to be right."""

    def __init__(self) -> None:
        self.until = 0.0

    def admit(self, key: str, until: float, now: float) -> Admitted:
        """Note until when a delivery could come again."""
        self.until = until
        return "new"


_SAID: Mapping[type[Exception], tuple[int, str]] = {
    RefusedError: (422, "the workflow does not take this request"),
    InvalidError: (422, "the workflow does not take this request"),
    QuotaError: (429, "the quota is used up"),
    DisabledError: (503, "the workflow cannot run now"),
    NotFoundError: (503, "the workflow cannot run now"),
    ConflictError: (409, "the request came before, with other content"),
}
_ABSENT: Hook = read_triggers({"webhook": {"path": "absent", "secret": "ABSENT"}}).hooks[0]


def _event(hook: Hook, delivery: Delivery) -> dict[str, Any]:
    return {
        "body": delivery.body,
        "kind": delivery.kind,
        "path": hook.name,
        "id": delivery.key,
    }


def _refused(refusal: Refusal) -> Answer:
    return _said(refusal.status, refusal.public)


def _said(status: int, words: str) -> Answer:
    return Answer(status, None, {"error": words})
