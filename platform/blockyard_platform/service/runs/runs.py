"""All that can be asked about runs, in one place: for the API, the scheduler and hooks. Thread-safe and synchronous."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.service.runs.backlog import Backlog
from blockyard_platform.service.runs.controlling import Controlling
from blockyard_platform.service.runs.stopping import cancel_stopped
from blockyard_platform.service.runs.submitting import Submitting, never

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from blockyard_platform.service.admitting import Admitting
    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Database
    from blockyard_platform.service.runs.orders import Accepted, Order
    from blockyard_platform.service.runs.settling import Settler
    from blockyard_platform.service.runs.submitting import Cancel, Hold
    from blockyard_platform.service.signals import Signals
    from blockyard_platform.waits import Answer


class Runs:
    """Submits and changes runs, and then has the dispatcher look: ``nudge`` is called after each change that may begin or end one."""

    def __init__(
        self,
        database: Database,
        admitting: Admitting,
        settler: Settler,
        signals: Signals,
        nudge: Callable[[], None],
        holding: Callable[[Cancel], Hold] | None = None,
        submitted: Callable[[str, str], None] | None = None,
    ) -> None:
        """Do nothing yet. ``holding`` makes, of what cancels runs within a transaction, what says whether a run is kept back; ``submitted`` is told the tenant and the origin of each run that was accepted."""
        self._submitted = submitted
        backlog = Backlog()
        self._controlling = Controlling(database, admitting, settler, signals, backlog)
        hold = never if holding is None else holding(self._controlling.cancel_all)
        self._submitting = Submitting(database, admitting, backlog, hold)
        self._hold = hold
        self._database = database
        self._admitting = admitting
        self._nudge = nudge

    def submit(self, caller: Caller, order: Order) -> Accepted:
        """Accept a run; see :meth:`Submitting.submit`."""
        accepted = self._submitting.submit(caller, order)
        if accepted.new and self._submitted is not None:
            self._submitted(order.tenant, order.origin)
        self._nudge()
        return accepted

    def cancel(self, caller: Caller, tenant: str, run_id: str, reason: str = "") -> None:
        """Cancel a run; see :meth:`Controlling.cancel`."""
        self._controlling.cancel(caller, tenant, run_id, reason)
        self._nudge()

    def answer(self, caller: Caller, tenant: str, run_id: str, path: str, answer: Answer) -> None:
        """Answer an approval; see :meth:`Controlling.answer`."""
        self._controlling.answer(caller, tenant, run_id, path, answer)
        self._nudge()

    def resume(
        self,
        caller: Caller,
        tenant: str,
        run_id: str,
        *,
        params: Mapping[str, Any] | None = None,
        start: str | None = None,
        reset: bool = False,
    ) -> None:
        """Do a run again; see :meth:`Controlling.resume`."""
        self._controlling.resume(
            caller, tenant, run_id, self._hold, params=params, start=start, reset=reset
        )
        self._nudge()

    def cancel_stopped(self, tenant: str | None) -> int:
        """Cancel what may not run any more; see :func:`cancel_stopped`."""
        count = cancel_stopped(self._database, self._admitting, self._controlling, tenant)
        if count:
            self._nudge()
        return count

    def delete(self, caller: Caller, tenant: str, run_id: str) -> None:
        """Delete a run that has ended; see :meth:`Controlling.delete`."""
        self._controlling.delete(caller, tenant, run_id)
