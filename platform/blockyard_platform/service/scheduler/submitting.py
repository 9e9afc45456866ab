"""Orders become runs: each as its schedule's overlap allows, with a key by which it is one run however often it is tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.service.registry.errors import (
    ConflictError,
    DisabledError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    QuotaError,
)
from blockyard_platform.service.runs.orders import Order, RefusedError
from blockyard_platform.service.scheduler import orders
from blockyard_platform.triggers.overlap import OVERLAP, decide

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blockyard_platform.service.registry.database import Database
    from blockyard_platform.service.scheduler.orders import Waiting
    from blockyard_platform.service.scheduler.seam import RunCounts, Runs
    from blockyard_platform.triggers.overlap import Decision, Overlap

AGAIN = 30.0
"""Seconds after which a fire that waits is looked at again, should nobody tell that a run has ended."""
MOST_TRIES = 20
"""Tries of an order when the service fails; about an hour."""
LONGEST_PAUSE = 300.0

FINAL = (
    RefusedError,
    ConflictError,
    DisabledError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    QuotaError,
)
"""Errors that do not go away by trying again."""

_SERVICE = Caller.service()


class Submitter:
    """Submits orders that are due. Several may do so at once, in threads and in processes."""

    def __init__(
        self,
        database: Database,
        runs: Runs,
        counts: RunCounts,
        on_error: Callable[[str, Exception], None],
    ) -> None:
        """Submit nothing yet; what fails is told to ``on_error`` with what was tried."""
        self._database = database
        self._runs = runs
        self._counts = counts
        self._on_error = on_error

    def submit(self) -> int:
        """Deal with all orders that are due, and return how many."""
        count = 0
        while taken := self._take():
            for each in taken:
                self._deal(each)
            count += len(taken)
        return count

    def _take(self) -> tuple[Waiting, ...]:
        with self._database.reading() as work:
            if not orders.is_due(work, _SERVICE):
                return ()
        with self._database.writing() as work:
            return orders.take(work, _SERVICE)

    def _deal(self, waiting: Waiting) -> None:
        try:
            self._start(waiting)
        except FINAL as error:
            self._give_up(waiting, str(error))
        except Exception as error:  # noqa: BLE001  (it is told, and the others are submitted)
            # Of the service itself, such as a database that is away: another order may fare better.
            self._on_error(f"order {waiting.tenant}/{waiting.key}", error)
            if waiting.tries + 1 >= MOST_TRIES:
                self._give_up(waiting, f"it failed {MOST_TRIES} times: {error}")
            else:
                self._later(waiting, min(2.0**waiting.tries, LONGEST_PAUSE), failed=True)

    def _start(self, waiting: Waiting) -> None:
        decision, before = self._decide(waiting)
        if decision.action == "queue":
            self._later(waiting, AGAIN, failed=False)
            return
        if decision.action == "start":
            accepted = self._runs.submit(Caller.service(waiting.tenant), _order(waiting))
            if decision.cancel or decision.drop:
                self._replace(waiting, accepted.run_id, accepted.new, before)
        with self._database.writing() as work:
            orders.done(work, _SERVICE, waiting.tenant, waiting.key)

    def _decide(self, waiting: Waiting) -> tuple[Decision, Sequence[str]]:
        """Return what the order's schedule says, and the runs of it that are under way."""
        if waiting.schedule is None or waiting.overlap == "allow":
            return decide("allow", 0, 0), ()
        with self._database.reading() as work:
            before = self._counts.active(work, waiting.tenant, waiting.origin)
        return decide(_overlap(waiting.overlap), len(before), 0), before

    def _replace(self, waiting: Waiting, run_id: str, new: bool, before: Sequence[str]) -> None:
        """Cancel the runs that are older than a new one. One that was submitted before may be among them, and newer ones, too."""
        if not new:
            before = before[: before.index(run_id)] if run_id in before else ()
        for each in before:
            try:
                self._runs.cancel(Caller.service(waiting.tenant), waiting.tenant, each)
            except NotFoundError:
                continue

    def _later(self, waiting: Waiting, seconds: float, *, failed: bool) -> None:
        with self._database.writing() as work:
            orders.later(work, _SERVICE, waiting.tenant, waiting.key, seconds, failed=failed)

    def _give_up(self, waiting: Waiting, problem: str) -> None:
        with self._database.writing() as work:
            orders.give_up(work, _SERVICE, waiting.tenant, waiting.key, problem)


def _order(waiting: Waiting) -> Order:
    return Order(
        tenant=waiting.tenant,
        workflow=waiting.workflow,
        version=waiting.version,
        params=waiting.params,
        key=waiting.key,
        origin=waiting.origin,
        depth=waiting.depth,
    )


def _overlap(word: str) -> Overlap:
    for known in OVERLAP:
        if known == word:
            return known
    raise InvalidError(f"overlap is one of {', '.join(OVERLAP)}")
