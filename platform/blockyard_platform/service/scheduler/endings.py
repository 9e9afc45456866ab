"""What follows a run: others start after it, those that wait go on, subscribers are told. All in the transaction of its end."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from blockyard_platform.errors import ExpressionError
from blockyard_platform.service.registry.access import enter, enter_all, listing
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.registry.errors import InvalidError
from blockyard_platform.service.registry.tables import TENANTS
from blockyard_platform.service.runs.orders import MOST_DEPTH
from blockyard_platform.service.scheduler import groups, orders, outgoing
from blockyard_platform.service.scheduler.orders import Waiting
from blockyard_platform.service.scheduler.outgoing import News
from blockyard_platform.service.scheduler.tables import FOLLOWERS, SUBSCRIPTIONS, TOPIC
from blockyard_platform.store.lists import among, texts
from blockyard_platform.triggers.filling import filled
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa

    from blockyard_platform.service.registry.access import Scope
    from blockyard_platform.service.registry.database import Writing
    from blockyard_platform.service.runs.settling import Ended
    from blockyard_platform.service.scheduler.seam import Gate
    from blockyard_platform.service.signals import Signals

_SERVICE = Caller.service()
_WHEN = {
    Status.SUCCESS: ("success", "done"),
    Status.FAILED: ("failure", "done"),
    Status.CANCEL: ("done",),
}
_EVENTS = {
    Status.SUCCESS: "run.succeeded",
    Status.FAILED: "run.failed",
    Status.CANCEL: "run.cancelled",
}


class Follower:
    """What is called with runs that have ended, in the transaction that settles them; see ``runs.settling``."""

    def __init__(self, gate: Gate, signals: Signals) -> None:
        """Let in by this gate, and tell of news by these signals."""
        self._gate = gate
        self._signals = signals

    def __call__(self, work: Writing, ended: Sequence[Ended]) -> None:
        """Note what follows; where there is something to do, those who do it are told at the commit."""
        if on_runs_ended(work, ended, self._gate):
            self._signals.publish(work.connection, TOPIC)


def on_runs_ended(work: Writing, ended: Sequence[Ended], gate: Gate) -> bool:
    """Note all that follows runs, once for each time that one ends; say whether something does. What follows is asked for all of them together.

    Nothing is lost by a crash after it: the ticker and the sender go on from the rows. Raises NotFoundError for an
    unknown tenant, and nothing for what a tenant's document says.
    """
    scopes = enter_all(work, _SERVICE, Action.SCHEDULES_ADVANCE, {it.tenant for it in ended})
    followed, subscribed = _concerned(work, ended)
    count = _follow(work, [it for it in ended if it.tenant in followed])
    fires = {_schedule(it) for it in ended if it.origin.startswith("schedule/")}
    count += orders.wake(work, _SERVICE, fires)
    told = [it for it in ended if it.status in _EVENTS and it.tenant in subscribed]
    count += outgoing.tell_all(
        work, [News(it.tenant, _EVENTS[it.status], _told(it)) for it in told]
    )
    grouped = [it for it in ended if it.concurrency is not None]
    # Each of these locks its tenant.
    for it in sorted(grouped, key=lambda it: (it.tenant, it.run_id)):
        count += len(groups.leave(work, scopes[it.tenant], it.run_id, gate))
    return count > 0


def on_approval_asked(
    work: Writing, tenant: str, run_id: str, workflow: str, path: str, message: str
) -> bool:
    """Note that a run waits for somebody's approval, in the transaction that parks it; say whether anybody is told. ``path`` is the stage's."""
    scope = enter(work, _SERVICE, Action.HOOKS_SEND, tenant)
    run = {"id": run_id, "workflow": workflow, "status": Status.WAIT.value}
    approval = {"path": path, "message": message[:2_000]}
    data = {"run": run, "approval": approval}
    return outgoing.tell(work, scope, "approval.asked", data) > 0


def _told(ended: Ended) -> dict[str, Any]:
    # Not the outputs: whoever is told may fetch them, as far as they may.
    return {
        "run": {
            "id": ended.run_id,
            "workflow": ended.workflow,
            "status": ended.status.value,
            "origin": ended.origin,
        }
    }


def _schedule(ended: Ended) -> tuple[str, str]:
    return ended.tenant, ended.origin.partition("/")[2]


def _concerned(work: Writing, ended: Sequence[Ended]) -> tuple[set[str], set[str]]:
    """Return the tenants of which workflows may start after these runs, and those that have subscriptions: most have neither, and one look tells."""
    scope = listing(work, _SERVICE, Action.SCHEDULES_ADVANCE)
    statement = _concerning(scope, work.connection.dialect.name)
    rows: list[Any] = list(work.connection.execute(statement, _asked(work, ended)))
    return {it.name for it in rows if it.followed}, {it.name for it in rows if it.subscribed}


@cache
def _concerning(scope: Scope, dialect: str) -> sa.Executable:
    whose, what = TENANTS.c.name, among(dialect, FOLLOWERS.c.workflow, "workflows")
    followed = scope.select(FOLLOWERS).where(FOLLOWERS.c.tenant == whose, what).exists()
    mine = (SUBSCRIPTIONS.c.tenant == whose, SUBSCRIPTIONS.c.enabled.is_(True))
    subscribed = scope.select(SUBSCRIPTIONS).where(*mine).exists()
    columns = (whose, followed.label("followed"), subscribed.label("subscribed"))
    return scope.select(TENANTS, *columns).where(among(dialect, whose, "tenants"))


def _asked(work: Writing, ended: Sequence[Ended]) -> dict[str, Any]:
    dialect = work.connection.dialect.name
    return {
        "tenants": texts(dialect, {it.tenant for it in ended}),
        "workflows": texts(dialect, {it.workflow[:200] for it in ended}),
    }


def _follow(work: Writing, ended: Sequence[Ended]) -> int:
    """Add an order for each workflow that starts after one of these, and return how many."""
    if not ended:
        return 0
    dialect = work.connection.dialect.name
    scope = listing(work, _SERVICE, Action.SCHEDULES_ADVANCE)
    rows: list[Any] = list(work.connection.execute(_followers(scope, dialect), _asked(work, ended)))
    count = 0
    for it in ended:
        mine = (it.tenant, it.workflow[:200])
        for row in rows:
            if (row.tenant, row.workflow) == mine and row.when in _WHEN.get(it.status, ()):
                _add(work, it, row.follower, json.loads(row.params))
                count += 1
    return count


@cache
def _followers(scope: Scope, dialect: str) -> sa.Executable:
    mine = among(dialect, FOLLOWERS.c.tenant, "tenants")
    wanted = scope.select(FOLLOWERS).where(mine, among(dialect, FOLLOWERS.c.workflow, "workflows"))
    return wanted.order_by(FOLLOWERS.c.follower)


def _add(work: Writing, ended: Ended, follower: str, params: dict[str, Any]) -> None:
    waiting = Waiting(
        tenant=ended.tenant,
        key=orders.key_of("after", ended.run_id, follower),
        workflow=follower,
        origin=f"after/{ended.run_id}",
        at=work.now,
        depth=ended.depth + 1,
    )
    try:
        if waiting.depth > MOST_DEPTH:
            raise InvalidError(f"more than {MOST_DEPTH} runs have begun one another in a row")
        given: dict[str, Any] = filled(params, "event", _event(ended))
        orders.add(work, _SERVICE, replace(waiting, params=given))
    except (ExpressionError, InvalidError) as error:
        orders.add(work, _SERVICE, replace(waiting, problem=str(error)))
        orders.give_up(work, _SERVICE, ended.tenant, waiting.key, str(error))


def _event(ended: Ended) -> dict[str, Any]:
    return {
        "run_id": ended.run_id,
        "workflow": ended.workflow,
        "status": ended.status.value,
        "outputs": ended.outputs,
    }
