"""From the newest version of a workflow to the rows that its ``on`` stands for, in the transaction that stores the version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.registry import schedules
from blockyard_platform.service.registry.access import enter
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.registry.errors import ConflictError, InvalidError
from blockyard_platform.service.registry.names import canonical, checked
from blockyard_platform.service.registry.tables import SCHEDULES
from blockyard_platform.service.scheduler.tables import FOLLOWERS, HOOKS
from blockyard_platform.service.scheduler.timing import first
from blockyard_platform.triggers.reading import Triggers, read_triggers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_platform.service.registry.access import Scope
    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Writing
    from blockyard_platform.triggers.reading import Hook, Schedule

_LONGEST_STEM = 90
"""Characters of a workflow's name in those of its schedules, which end in a number."""


def triggers_of(document: Mapping[str, Any]) -> Triggers:
    """Return what starts a document; nothing when it does not say so."""
    return read_triggers(document["on"]) if "on" in document else Triggers()


def sync(work: Writing, caller: Caller, tenant: str, workflow: str, triggers: Triggers) -> None:
    """Make the rows of a workflow those of its newest version; what it says no more is taken away.

    A schedule that was switched off by hand stays off, also when its time is changed. Raises ForbiddenError when the caller may not
    make schedules and the version has triggers, InvalidError, ConflictError for a path that another workflow has, QuotaError.
    """
    scope = enter(work, caller, Action.WORKFLOWS_WRITE, tenant)
    if triggers.schedules or triggers.hooks or triggers.after:
        # Runs that start by themselves are the platform's own: who may not make them must not do so by a document.
        enter(work, caller, Action.SCHEDULES_WRITE, tenant)
    if triggers.problems:
        raise InvalidError(f"`on` of the workflow: {triggers.problems[0].message}")
    checked("workflow", workflow)
    if workflow in {each.workflow for each in triggers.after}:
        raise InvalidError(
            f"the workflow {workflow!r} would start after itself, again and again",
            "take its own name out of `after`",
        )
    scope.lock(work)
    _sync_schedules(work, scope, caller, workflow, triggers)
    _sync_hooks(work, scope, workflow, triggers)
    _sync_followers(work, scope, workflow, triggers)


def _sync_schedules(
    work: Writing, scope: Scope, caller: Caller, workflow: str, triggers: Triggers
) -> None:
    wanted = scope.select(SCHEDULES).where(SCHEDULES.c.source == workflow)
    # By the number at the end of a name, so that the tenth comes after the second.
    found = work.connection.execute(
        wanted.order_by(sa.func.length(SCHEDULES.c.name), SCHEDULES.c.name)
    )
    rows: list[Any] = list(found)
    pairs, left = _paired(triggers.schedules, rows)
    for row in left:
        work.change(scope.delete(SCHEDULES).where(SCHEDULES.c.name == row.name))
    names = _names(work, scope)
    for schedule, row in pairs:
        values = _values(work, workflow, schedule, row)
        if row is not None:
            work.change(scope.update(SCHEDULES).where(SCHEDULES.c.name == row.name).values(values))
            continue
        scope.limit(work, SCHEDULES, schedules.MOST, "schedules")
        values |= {"name": _free(workflow, names), "enabled": True}
        values |= {"author": caller.who, "created": work.now}
        work.change(scope.insert(work, SCHEDULES, **values))


def _paired(
    wanted: tuple[Schedule, ...], rows: list[Any]
) -> tuple[list[tuple[Schedule, Any]], list[Any]]:
    """Return each schedule with the row that it has already: that of the same time, else the next that is left; and the rest."""
    free = list(rows)
    chosen: dict[int, Any] = {}
    for at, schedule in enumerate(wanted):
        same = (schedule.cron.expression, schedule.timezone)
        row = next((it for it in free if (it.cron, it.zone) == same), None)
        if row is not None:
            free.remove(row)
            chosen[at] = row
    for at in range(len(wanted)):
        if at not in chosen and free:
            chosen[at] = free.pop(0)
    return [(each, chosen.get(at)) for at, each in enumerate(wanted)], free


def _values(work: Writing, workflow: str, schedule: Schedule, row: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "workflow": workflow,
        "version": None,
        "cron": schedule.cron.expression,
        "zone": schedule.timezone,
        "params": canonical(schedule.params),
        "missed": schedule.missed,
        "overlap": schedule.overlap,
        "source": workflow,
    }
    if row is None or (row.cron, row.zone) != (values["cron"], values["zone"]):
        values |= {"next_at": first(schedule.cron, work.now), "problem": None}
    return values


def _names(work: Writing, scope: Scope) -> set[str]:
    return set(work.connection.execute(scope.select(SCHEDULES, SCHEDULES.c.name)).scalars())


def _free(workflow: str, names: set[str]) -> str:
    """Return a name that no schedule has, and take it."""
    number = 1
    while (name := f"{workflow[:_LONGEST_STEM]}.{number}") in names:
        number += 1
    names.add(name)
    return name


def _sync_hooks(work: Writing, scope: Scope, workflow: str, triggers: Triggers) -> None:
    work.change(scope.delete(HOOKS).where(HOOKS.c.workflow == workflow))
    for hook in triggers.hooks:
        row = {"path": hook.name, "workflow": workflow, "spec": canonical(_spec(hook))}
        if not work.change(scope.insert(work, HOOKS, **row).on_conflict_do_nothing()):
            raise ConflictError(
                f"another workflow has the webhook path {hook.name!r}", "choose another path"
            )


def _spec(hook: Hook) -> dict[str, Any]:
    """Return a hook as a document says it, for ``read_hook``."""
    signed = hook.signature
    signature: dict[str, Any] = {"style": signed.style, "header": signed.header}
    if signed.style != "github":
        signature["window"] = signed.window
    found: dict[str, Any] = {
        "path": hook.name,
        "secret": signed.secret,
        "mode": hook.mode,
        "params": hook.params,
    }
    if hook.mode == "sync":
        found["timeout"] = hook.timeout
    return {**found, "signature": signature}


def _sync_followers(work: Writing, scope: Scope, workflow: str, triggers: Triggers) -> None:
    work.change(scope.delete(FOLLOWERS).where(FOLLOWERS.c.follower == workflow))
    for each in triggers.after:
        row = {"workflow": each.workflow, "follower": workflow, "when": each.when}
        work.change(scope.insert(work, FOLLOWERS, **row, params=canonical(each.params)))
