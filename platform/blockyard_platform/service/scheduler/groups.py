"""Concurrency groups: which runs with one key may run, and which wait until one of those has ended.

A run joins its group in the transaction that submits it, and leaves it in the one in which it ends. The key comes from a
stranger's params; it stands beside the tenant, so that two tenants never share a group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from blockyard_platform.service.dispatch.port import Waiting
from blockyard_platform.service.registry.access import enter, listing
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.registry.errors import NotFoundError
from blockyard_platform.service.scheduler.tables import GROUP_RUNS
from blockyard_platform.triggers import overlap
from blockyard_platform.triggers.overlap import group_key, promoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blockyard_platform.service.registry.access import Scope
    from blockyard_platform.service.registry.database import Database, Reading, Writing
    from blockyard_platform.service.scheduler.seam import Gate, RunCounts
    from blockyard_platform.triggers.overlap import Group

_SERVICE = Caller.service()
_ADVANCE = Action.SCHEDULES_ADVANCE
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Joined:
    """What becomes of a run: ``start`` puts it into the queue, ``queue`` holds it, ``skip`` refuses it, as too many wait.

    ``cancel`` are under way and to be cancelled; the run is held until they have ended. ``dropped`` were held, are to be cancelled,
    too, and are in the group no more.
    """

    action: Literal["start", "queue", "skip"]
    cancel: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


def join(work: Writing, caller: Caller, tenant: str, run: str, key: str, group: Group) -> Joined:
    """Have a run join the group of a key; one that has joined already is where it was. Raises ValueError for a key that cannot be."""
    scope = enter(work, caller, Action.RUNS_SUBMIT, tenant)
    key = group_key(key)
    scope.lock(work)
    members = _members(work, scope, key)
    for member in members:
        if member.run == run:
            return Joined("queue" if member.held else "start")
    held = [it.run for it in members if it.held]
    running = [it.run for it in members if not it.held]
    told = overlap.join(group, len(running), len(held))
    if told.action == "skip":
        return Joined("skip")
    cancel, dropped = tuple(running[: told.cancel]), tuple(held[: told.drop])
    _remove(work, scope, dropped)
    # What is cancelled takes a while to end: a group never has more runs than it may.
    action: Literal["start", "queue"] = "queue" if cancel else told.action
    row = {"key": key, "run": run, "most": group.most, "held": action == "queue"}
    work.change(scope.insert(work, GROUP_RUNS, **row))
    return Joined(action, cancel, dropped)


def why_held(work: Reading, caller: Caller, tenant: str, run: str) -> Waiting | None:
    """Say which of its group a run is that waits for the end of others of it; None for one that does not."""
    scope = enter(work, caller, Action.RUNS_READ, tenant)
    mine = scope.select(GROUP_RUNS).where(GROUP_RUNS.c.run == run, GROUP_RUNS.c.held.is_(True))
    found: Any = work.connection.execute(mine).first()
    if found is None:
        return None
    before = scope.select(GROUP_RUNS, sa.func.count()).where(
        GROUP_RUNS.c.key == found.key,
        GROUP_RUNS.c.held.is_(True),
        GROUP_RUNS.c.seq < found.seq,
    )
    words = f"no more than {found.most} of its concurrency group {found.key!r} may be under way"
    return Waiting(1 + (work.connection.scalar(before) or 0), "group", words)


def leave(work: Writing, scope: Scope, run: str, gate: Gate) -> tuple[str, ...]:
    """Take a tenant's run that has ended out of its group, and let in those that may run now; return them."""
    wanted = scope.select(GROUP_RUNS, GROUP_RUNS.c.key).where(GROUP_RUNS.c.run == run)
    key: str | None = work.connection.scalar(wanted)
    if key is None:
        return ()
    scope.lock(work)
    _remove(work, scope, (run,))
    return _promote(work, scope, key, gate)


def promote(work: Writing, tenant: str, key: str, gate: Gate) -> tuple[str, ...]:
    """Let in those of a group that wait, the oldest first, as far as there is room; return them."""
    scope = enter(work, _SERVICE, _ADVANCE, tenant)
    scope.lock(work)
    return _promote(work, scope, key, gate)


def sweep(database: Database, counts: RunCounts, gate: Gate) -> int:
    """Have runs leave that have ended without doing so, let in those for which there is room; return how many have left."""
    count, after = 0, 0
    while True:
        with database.reading() as work:
            scope = listing(work, _SERVICE, _ADVANCE)
            wanted = scope.select(GROUP_RUNS).where(GROUP_RUNS.c.seq > after)
            found = work.connection.execute(wanted.order_by(GROUP_RUNS.c.seq).limit(_BATCH))
            rows: list[Any] = list(found)
            gone = set(counts.ended(work, [row.run for row in rows])) if rows else set[str]()
        for row in rows:
            count += row.run in gone and _left(database, row, gate)
        if len(rows) < _BATCH:
            break
        after = rows[-1].seq
    _let_in(database, gate)
    return count


def _let_in(database: Database, gate: Gate) -> None:
    with database.reading() as work:
        scope = listing(work, _SERVICE, _ADVANCE)
        columns = (GROUP_RUNS.c.tenant, GROUP_RUNS.c.key)
        wanted = scope.select(GROUP_RUNS, *columns).where(GROUP_RUNS.c.held.is_(True)).distinct()
        keys = [(row.tenant, row.key) for row in work.connection.execute(wanted)]
    for tenant, key in keys:
        with database.writing() as work:
            promote(work, tenant, key, gate)


def _left(database: Database, row: Any, gate: Gate) -> bool:
    try:
        with database.writing() as work:
            leave(work, enter(work, _SERVICE, _ADVANCE, row.tenant), row.run, gate)
    except NotFoundError:  # the tenant is gone, and so are its runs
        return False
    return True


def _members(work: Writing, scope: Scope, key: str) -> Sequence[Any]:
    wanted = scope.select(GROUP_RUNS).where(GROUP_RUNS.c.key == key).order_by(GROUP_RUNS.c.seq)
    return list(work.connection.execute(wanted))


def _promote(work: Writing, scope: Scope, key: str, gate: Gate) -> tuple[str, ...]:
    members = _members(work, scope, key)
    held = [it for it in members if it.held]
    if not held:
        return ()
    # The run that is next says how many there may be: documents with one key need not agree.
    number = promoted(held[0].most, len(members) - len(held), len(held))
    runs = tuple(it.run for it in held[:number])
    if runs:
        let_in = scope.update(GROUP_RUNS).where(GROUP_RUNS.c.run.in_(runs))
        work.change(let_in.values(held=False))
        gate.let_in(work, scope, runs)
    return runs


def _remove(work: Writing, scope: Scope, runs: tuple[str, ...]) -> None:
    if runs:
        work.change(scope.delete(GROUP_RUNS).where(GROUP_RUNS.c.run.in_(runs)))
