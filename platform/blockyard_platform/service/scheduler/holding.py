"""Whether a run that comes in is kept back: asked in the transaction that writes it; see ``runs.submitting``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blockyard_platform.errors import ExpressionError
from blockyard_platform.service.registry.access import enter
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.registry.errors import QuotaError
from blockyard_platform.service.runs.orders import RefusedError
from blockyard_platform.service.scheduler import groups
from blockyard_platform.store.tables import RUNS
from blockyard_platform.triggers.overlap import MOST_QUEUED
from blockyard_platform.triggers.reading_groups import key_of
from blockyard_schemas.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from blockyard_platform.service.registry.database import Writing
    from blockyard_platform.service.runs.submitting import Candidate
    from blockyard_platform.triggers.overlap import Group


class Holding:
    """Has runs join the concurrency groups of their documents; ``cancel`` ends runs within the transaction."""

    def __init__(self, cancel: Callable[[Writing, tuple[str, ...]], None]) -> None:
        """Cancel by this those whose place another takes."""
        self._cancel = cancel

    def __call__(self, work: Writing, candidate: Candidate) -> bool:
        """Return whether a run is held. Raises RefusedError for a key that cannot be, QuotaError when too many wait."""
        plan = candidate.admitted.plan
        group = None if plan is None else plan.concurrency
        if group is None:
            return False
        key = _key(group, candidate)
        tenant, run_id = candidate.order.tenant, candidate.run_id
        told = groups.join(work, Caller.service(tenant), tenant, run_id, key, group)
        if told.action == "skip":
            raise QuotaError(
                f"{MOST_QUEUED} runs of the group {key[:60]!r} wait already", "wait for their end"
            )
        scope = enter(work, Caller.service(), Action.SCHEDULES_ADVANCE, tenant)
        work.change(scope.update(RUNS).where(RUNS.c.id == run_id).values(concurrency=key))
        # Each that ends here at once leaves the group, which may let this run in: it is a member by now.
        self._cancel(work, (*told.dropped, *told.cancel))
        return told.action == "queue"


def _key(group: Group, candidate: Candidate) -> str:
    try:
        return key_of(group, candidate.params)
    except (ExpressionError, ValueError) as error:
        problem = Problem("concurrency", "/concurrency", f"the key of the run's group: {error}")
        raise RefusedError((problem,)) from None
