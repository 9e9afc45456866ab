"""What the scheduler asks of the rest of the service: to submit and cancel runs, to count them, to let them in, to open secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blockyard_platform.service.registry.access import Scope
    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Reading, Writing
    from blockyard_platform.service.runs.orders import Accepted, Order
    from blockyard_platform.service.runs.settling import Ended


class Runs(Protocol):
    """Submits and cancels runs, each call in a transaction of its own; may be called by any thread."""

    def submit(self, caller: Caller, order: Order) -> Accepted:
        """Submit a run. Raises RefusedError and the registry's errors."""
        ...

    def cancel(self, caller: Caller, tenant: str, run_id: str) -> None:
        """Cancel a run, also one that has ended: that changes nothing. Raises NotFoundError."""


class RunCounts(Protocol):
    """Knows which runs are under way."""

    def active(self, work: Reading, tenant: str, origin: str) -> Sequence[str]:
        """Return the runs of an origin that have not ended (held, queued, running, parked), the oldest first."""
        ...

    def ended(self, work: Reading, runs: Sequence[str]) -> Sequence[str]:
        """Return those of some runs that have ended, or that are not there any more."""
        ...


class Gate(Protocol):
    """Puts runs that were held into the queue."""

    def let_in(self, work: Writing, scope: Scope, runs: Sequence[str]) -> None:
        """Queue runs in this transaction; called once for each, unless the transaction is undone."""


class Reveal(Protocol):
    """Opens secrets."""

    def __call__(self, tenant: str, name: str) -> Sequence[bytes]:
        """Return what a secret holds now, and, while one replaces another, what it held before; nothing when there is none."""
        ...


class Waiter(Protocol):
    """Waits for a run's end."""

    async def __call__(self, tenant: str, run_id: str, seconds: float) -> Ended | None:
        """Return how a run has ended; ``None`` when it has not within so many seconds."""
        ...
