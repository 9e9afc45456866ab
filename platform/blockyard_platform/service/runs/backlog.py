"""How many runs a tenant has waiting. They are counted now and then, not at each submission: a count goes through all of them."""

from __future__ import annotations

from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

import sqlalchemy as sa

from blockyard_platform.service.dispatch.port import State
from blockyard_platform.service.dispatch.tables import QUEUE
from blockyard_platform.service.registry.errors import QuotaError

if TYPE_CHECKING:
    from blockyard_platform.service.registry.database import Reading

_FRESH_SECONDS = 1.0
_MOST_TENANTS = 10_000


class Backlog:
    """Counts what waits, for one process; other processes' submissions are seen within a second."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._lock = Lock()
        self._counts: dict[str, tuple[float, int]] = {}

    def check(self, work: Reading, tenant: str, most: int) -> None:
        """Count a run that is about to wait. Raises QuotaError when the tenant has so many waiting."""
        with self._lock:
            at, count = self._counts.get(tenant, (0.0, most))
        if count >= most or monotonic() - at > _FRESH_SECONDS:
            at, count = monotonic(), self._count(work, tenant, most)
        if count >= most:
            raise QuotaError(
                f"the tenant has {most} runs waiting",
                "wait until some have begun, or ask an admin for more (policy service.queue)",
            )
        with self._lock:
            if len(self._counts) >= _MOST_TENANTS:
                self._counts.clear()
            self._counts[tenant] = (at, count + 1)

    def _count(self, work: Reading, tenant: str, most: int) -> int:
        waiting = (State.QUEUED, State.DELAYED)
        mine = sa.select(QUEUE.c.seq).where(QUEUE.c.tenant == tenant, QUEUE.c.state.in_(waiting))
        some = mine.limit(most).subquery()
        return work.connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0
