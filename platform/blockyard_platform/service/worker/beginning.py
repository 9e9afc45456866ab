"""How runs begin in a worker: found, admitted and taken; those that begin at about the same time share the statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from blockyard_platform.params import bind
from blockyard_platform.service.gathering import Gathered
from blockyard_platform.service.recent import Recent
from blockyard_platform.service.registry import standing
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.worker.ticket import find

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from blockyard_platform.plan import Plan
    from blockyard_platform.service.admitting import Admitted, Admitting
    from blockyard_platform.service.operations.timing import Told
    from blockyard_platform.service.registry.database import Database, Reading
    from blockyard_platform.service.registry.standing import Standing
    from blockyard_platform.service.worker.ticket import TakenRun
    from blockyard_platform.store.store import Store

_STANDINGS = 1_000
"""Tenants of which it is kept how they stand."""


@dataclass(frozen=True, slots=True)
class Found:
    """A run that dispatch gives to a worker, and how its tenant stands at the time; None for one that has ended."""

    ticket: TakenRun
    stands: Standing | None


class Beginning:
    """Begins runs. Safe in threads: each asks for its own run, and what several ask at a time is asked together."""

    def __init__(self, database: Database, admitting: Admitting, store: Store, told: Told) -> None:
        """Begin nothing yet. The journal's ``store`` is in the same database; ``told`` learns how long its writes take."""
        self._database = database
        self._admitting = admitting
        self._store = store
        self._told = told
        self._standings: Recent[Standing] = Recent(_STANDINGS)
        self._finding = Gathered(self._find)
        self._taking = Gathered(self._take)

    def find(self, run_id: str) -> Found | None:
        """Return a run as it stands now; None when it was deleted."""
        return self._finding(run_id)

    def admit(self, found: Found) -> Admitted:
        """Admit the document anew: policies and switches may have changed since it was accepted."""
        ticket, stands = found.ticket, found.stands
        if stands is None:
            raise ValueError(f"the run {ticket.run_id} has ended")
        return self._admitting.admit_standing(
            stands, ticket.text, name=ticket.stored_name, run_id=ticket.run_id
        )

    def take(self, ticket: TakenRun, plan: Plan) -> None:
        """Take a run that nobody has had before, if it begins with the params that are stored; any other is taken when it is opened."""
        if not ticket.fresh:
            return
        values, problems = bind(plan.params, ticket.params, ticket.texts)
        if not problems and values == ticket.params and self._taking(ticket.run_id):
            ticket.epoch = 1

    def _find(self, run_ids: Sequence[str]) -> list[Found | None]:
        with self._database.reading() as work:
            tickets, revision = find(work, self._store, self._told, run_ids)
            tenants = {each.tenant for each in tickets.values() if not each.ended}
            known = self._stand(work, tenants, revision)
        found = {
            run_id: Found(ticket, None if ticket.ended else known[ticket.tenant])
            for run_id, ticket in tickets.items()
        }
        return [found.get(each) for each in run_ids]

    def _stand(
        self, work: Reading, tenants: Iterable[str], revision: str | None
    ) -> Mapping[str, Standing]:
        """Return how tenants stand: as is known of this very revision of the registry, or asked now."""
        kept = {each: self._standings.peek(each) for each in tenants}
        known = {
            each: stands
            for each, stands in kept.items()
            if stands is not None and stands.revision == revision is not None
        }
        asked = kept.keys() - known.keys()
        for each, stands in standing.read(work, Caller.service(), asked, Action.RUNS_READ).items():
            self._standings.keep(each, stands)
            known[each] = stands
        return known

    def _take(self, run_ids: Sequence[str]) -> list[bool]:
        taken = self._store.begin(run_ids)
        return [each in taken for each in run_ids]
