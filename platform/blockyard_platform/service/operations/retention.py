"""Retention: what is older than a tenant's policy keeps it is forgotten, in small steps with rests between them."""

from __future__ import annotations

from threading import Event
from time import perf_counter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.operations import blobs
from blockyard_platform.service.operations.purging import (
    RUNS_AT_ONCE,
    Aged,
    Purged,
    purge_aged,
    purge_events,
    purge_runs,
)
from blockyard_platform.service.registry import policies, submissions, tenants
from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.service.registry.errors import NotFoundError
from blockyard_platform.service.registry.paging import Ask
from blockyard_platform.store.tables import RUNS
from blockyard_schemas.policy_retention import RetentionRules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from blockyard_platform.service.registry.database import Database, Writing

    Step = Callable[[Writing], tuple[Purged, bool]]

AT_ONCE = 500
"""Rows of one table that one transaction deletes."""
_DAY = 86_400.0
_LONGEST_REST = 0.5


class Retention:
    """Forgets. One object is used by one thread; any number of processes may have one.

    ``deliveries`` are tables of webhooks. ``told`` is called after each step with a tenant (None for the sweep of blobs) and what it forgot.
    """

    def __init__(
        self,
        database: Database,
        *,
        deliveries: Sequence[Aged] = (),
        at_once: int = AT_ONCE,
        told: Callable[[str | None, Purged], None] | None = None,
    ) -> None:
        """Forget nothing yet."""
        self._database = database
        self._deliveries = tuple(deliveries)
        self._at_once = at_once
        self._told = told
        self._stopping = Event()
        self._logs_until: dict[str, tuple[float, str]] = {}

    def stop(self) -> None:
        """End what goes on after its current step. May be called from any thread."""
        self._stopping.set()

    def purge_all(self) -> Purged:
        """Forget what all tenants' policies no longer keep, and blobs that nothing uses."""
        found = Purged()
        for tenant in self._tenants():
            if self._stopping.is_set():
                return found
            found += self.purge(tenant)
        return found + self.sweep_blobs()

    def purge(self, tenant: str) -> Purged:
        """Forget what a tenant's policy no longer keeps."""
        with self._database.reading() as work:
            rules, now = _rules(work, tenant), work.now
        found = Purged()
        if rules.runs_days is not None:
            before = now - rules.runs_days * _DAY
            found += self._repeat(
                tenant, lambda work: purge_runs(work, tenant, before, self._at_once)
            )
        if rules.logs_days is not None:
            found += self._logs(tenant, now - rules.logs_days * _DAY)
        if rules.keys_days is not None:
            until = now - rules.keys_days * _DAY
            found += self._repeat(tenant, lambda work: self._keys(work, tenant, until))
        if rules.deliveries_days is not None:
            for aged in self._deliveries:
                found += self._aged(aged, tenant, now - rules.deliveries_days * _DAY)
        return found

    def sweep_blobs(self) -> Purged:
        """Forget blobs that nothing uses."""
        found, after = Purged(), ""
        while not self._stopping.is_set():
            begun = perf_counter()
            at, count = blobs.sweep(self._database, after, self._at_once)
            found += self._tell(None, Purged(blobs=count))
            if at is None:
                break
            after = at
            self._rest(perf_counter() - begun)
        return found

    def _tenants(self) -> Iterator[str]:
        ask = Ask()
        while True:
            with self._database.reading() as work:
                page = tenants.page(work, Caller.service(), ask)
            yield from (each.name for each in page.items)
            if page.next is None:
                return
            ask = Ask(page.next)

    def _keys(self, work: Writing, tenant: str, before: float) -> tuple[Purged, bool]:
        count = submissions.purge(work, Caller.service(tenant), before, self._at_once)
        return Purged(keys=count), count == self._at_once

    def _aged(self, aged: Aged, tenant: str, before: float) -> Purged:
        most = self._at_once
        return self._repeat(tenant, lambda work: purge_aged(work, aged, tenant, before, most))

    def _logs(self, tenant: str, before: float) -> Purged:
        """Go through the runs in the order of their ends, on from where the last purge came to."""
        found = Purged()
        while not self._stopping.is_set():
            rows = self._ended(tenant, before)
            if not rows:
                break
            ids = [row.id for row in rows]
            found += self._events(tenant, ids, before)
            if not self._stopping.is_set():
                self._logs_until[tenant] = (rows[-1].ended, rows[-1].id)
        return found

    def _events(self, tenant: str, ids: list[str], before: float) -> Purged:
        most = self._at_once
        return self._repeat(tenant, lambda work: purge_events(work, ids, before, most))

    def _ended(self, tenant: str, before: float) -> list[Any]:
        last = self._logs_until.get(tenant, (0.0, ""))
        wanted = (
            sa.select(RUNS.c.id, RUNS.c.ended)
            .where(RUNS.c.tenant == tenant, RUNS.c.ended < before)
            .where(sa.tuple_(RUNS.c.ended, RUNS.c.id) > sa.tuple_(*map(sa.literal, last)))
            .order_by(RUNS.c.ended, RUNS.c.id)
        )
        with self._database.reading() as work:
            return list(work.connection.execute(wanted.limit(RUNS_AT_ONCE)))

    def _repeat(self, tenant: str, step: Step) -> Purged:
        """Do a step until it has nothing more to do, with rests in which others write."""
        found, more = Purged(), True
        while more and not self._stopping.is_set():
            begun = perf_counter()
            with self._database.writing() as work:
                gone, more = step(work)
            found += self._tell(tenant, gone)
            if more:
                self._rest(perf_counter() - begun)
        return found

    def _rest(self, worked: float) -> None:
        """Let others have the database for as long as a step has had it: SQLite gives turns to whoever asks first."""
        self._stopping.wait(min(worked, _LONGEST_REST))

    def _tell(self, tenant: str | None, gone: Purged) -> Purged:
        if self._told is not None and gone != Purged():
            self._told(tenant, gone)
        return gone


def _rules(work: Any, tenant: str) -> RetentionRules:
    """Return a tenant's rules; one that was never given a policy has those of an empty one."""
    try:
        return policies.current(work, Caller.service(tenant), tenant).policy.retention
    except NotFoundError:
        return RetentionRules()
