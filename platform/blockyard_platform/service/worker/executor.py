"""What dispatch has a worker do: bring a run to its end, or as far as it goes for now, and what then follows."""

from __future__ import annotations

from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from structlog.contextvars import bind_contextvars

from blockyard_platform.engine.desk import Desk
from blockyard_platform.engine.handle import RunHandle
from blockyard_platform.engine.observers import Observers
from blockyard_platform.engine.waits import Parking
from blockyard_platform.service.gathering import Gathered
from blockyard_platform.service.operations.logs import bound
from blockyard_platform.service.runs import parking
from blockyard_platform.service.runs.eventlog import Voice
from blockyard_platform.service.runs.outcomes import Outcome
from blockyard_platform.service.runs.settling import end
from blockyard_platform.service.worker.asking import Asking
from blockyard_platform.service.worker.beginning import Beginning
from blockyard_platform.service.worker.telling import details
from blockyard_platform.service.worker.work import Work
from blockyard_schemas.problems import Problem
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from blockyard_platform.events import Event, RunView
    from blockyard_platform.results import RunResult
    from blockyard_platform.service.admitting import Admitted
    from blockyard_platform.service.operations.observing import RunWatch
    from blockyard_platform.service.runs.eventlog import EventLog
    from blockyard_platform.service.worker.ground import Ground
    from blockyard_platform.service.worker.houses import Houses
    from blockyard_platform.service.worker.loop import Loop
    from blockyard_platform.service.worker.ticket import TakenRun
    from blockyard_platform.service.worker.work import Wish
    from blockyard_platform.store.store import Store
    from blockyard_platform.waits import Answer

_SETTLED = frozenset({"run-finished"})
"""What is told when all that follows from it is done."""
_FEW = 4
_GATHER_SECONDS = 0.005
"""How long ends that come while others are settled wait for more, when more than a few runs are at work."""
_TAKEN = "another worker has the run by now"
_GIVEN_UP = "the workers that had the run died, or failed, too often"


class UnfinishedError(Exception):
    """A run has come to no end, since the journal could not be written: it is to be tried again."""


class Executor:
    """Executes runs: called by dispatch in threads of its own, while the runs themselves live in one event loop."""

    def __init__(
        self, ground: Ground, store: Store, houses: Houses, events: EventLog, loop: Loop
    ) -> None:
        """Execute nothing yet."""
        self._database = ground.database
        self._settler = ground.settler
        self._observing = ground.observing
        self._beginning = Beginning(
            ground.database, ground.admitting, store, ground.observing.metrics.written
        )
        self._houses = houses
        self._events = events
        self._asking = Asking(ground.database, ground.signals, events)
        self._loop = loop
        self._closing = Gathered(self._close, pause=self._pause)
        self._lock = Lock()
        self._works: dict[str, Work] = {}

    def execute(self, run_id: str) -> None:
        """Bring a run to its end, or to where it waits. It may have ended before: then what follows is done, if it was not."""
        work = Work()
        with self._lock:
            self._works[run_id] = work
        try:
            with bound(run_id=run_id):
                self._execute(run_id, work)
        finally:
            with self._lock:
                # A run that was lost may have come back before its first thread is through: what is there is not this one's then.
                if self._works.get(run_id) is work:
                    del self._works[run_id]

    def cancel(self, run_id: str) -> None:
        """Cancel a run that is under way here."""
        self._wish([run_id], RunHandle.cancel)

    def lose(self, run_ids: Sequence[str]) -> None:
        """Stop runs that are another worker's by now, without a word to their journal."""
        self._observing.metrics.lease_lost()
        with self._lock:
            for work in (self._works[it] for it in run_ids if it in self._works):
                work.lost = True
        self._wish(run_ids, partial(RunHandle.abandon, reason=_TAKEN))

    def hear(self, run_id: str) -> None:
        """Hand the answers to a run's approvals to it, when it is under way here: other things go on in it meanwhile."""
        with self._lock:
            mine = [it for it in self._works.items() if not run_id or it[0] == run_id]
        for each, work in mine:
            with self._database.reading() as reading:
                answers = parking.answers(reading, each)
            if answers:
                self._loop.call(partial(work.answer, answers))

    def fail(self, run_id: str) -> None:
        """Write the end of a run that has failed its workers too often."""
        self._end(run_id, Status.FAILED, (Problem(Code.INTERRUPTED.name, "", _GIVEN_UP),))

    def _execute(self, run_id: str, work: Work) -> None:
        found = self._beginning.find(run_id)
        if found is None:
            return
        ticket = found.ticket
        why = "its journal says nothing"
        if not ticket.ended:
            admitted = self._beginning.admit(found)
            if admitted.plan is None:
                self._end(run_id, Status.FAILED, admitted.problems)
                return
            if ticket.cancelled:
                # Dispatch may have said so before this was there to hear it, and says it once.
                self.cancel(run_id)
            elif not work.lost:
                self._beginning.take(ticket, admitted.plan)
            answers = self._answers(ticket)
            with ticket.coming():
                result = self._loop.wait(self._serve(ticket, admitted, work, answers))
            if work.lost:  # whatever it comes to here, dispatch does not note it
                return
            if result.parked:
                # A worker that stood still may have taken the run from this one, and lose it again: somebody is to go on with it.
                if not self._asking.park(ticket, result.parked):
                    raise UnfinishedError(f"the run {run_id} has come to no end: {_TAKEN}")
                return
            # A run that its journal has let go of is ours all the same, unless dispatch says so.
            cancelled = result.status is Status.CANCEL and not result.lost
            if ticket.result is None and cancelled:  # before it had begun
                self._end(run_id, Status.CANCEL)
                return
            why = result.problems[0].message if result.problems else why
        self._settle(ticket, why)

    def _settle(self, ticket: TakenRun, why: str) -> None:
        """Write what a run has come to, what it has told last, and what follows, all together or not at all."""
        # It may have been ended by others; who has it by now, if it has not, brings it to its end.
        if not self._closing(Outcome(ticket.run_id, ticket.epoch, ticket.result, ticket.rest)):
            raise UnfinishedError(f"the run {ticket.run_id} has come to no end: {why}")

    def _pause(self) -> float:
        """Return how long ends wait for more to come."""
        return _GATHER_SECONDS if len(self._works) > _FEW else 0.0

    def _close(self, given: Sequence[Outcome]) -> list[bool]:
        """Do so for runs that end at about the same time, in one transaction; say of each whether it has ended."""
        run_ids = [it.run_id for it in given]
        with self._events.taken(*run_ids) as told, self._database.writing() as work:
            return self._settler.close(work, given, told)

    def _end(self, run_id: str, status: Status, problems: Sequence[Problem] = ()) -> None:
        with self._database.writing() as work:
            end(work, run_id, status, problems)
            self._settler.settle(work, run_id)

    def _answers(self, ticket: TakenRun) -> Mapping[str, Answer]:
        """Return the answers that a run has been given until now: none when it was never begun."""
        if ticket.fresh:
            return {}
        with self._database.reading() as reading:
            return parking.answers(reading, ticket.run_id)

    async def _serve(
        self, ticket: TakenRun, admitted: Admitted, work: Work, answers: Mapping[str, Answer]
    ) -> RunResult:
        """Run it in the loop."""
        bind_contextvars(run_id=ticket.run_id, tenant=ticket.tenant)
        house = self._houses.house(admitted.rules)
        watch = self._observing.begin(ticket)
        observers = Observers(on_event=self._teller(ticket, admitted, watch))
        desk = Desk(parking=Parking(), answers=answers)
        handle = RunHandle(house, ticket, observers, desk=desk, plan=admitted.plan)
        work.begin(handle)
        result = await handle.result()
        watch.end(result)
        return result

    def _teller(
        self, ticket: TakenRun, admitted: Admitted, watch: RunWatch
    ) -> Callable[[RunView, Event], None]:
        most = admitted.rules.policy.service.log_kib * 1024
        voice: Voice | None = None

        def tell(view: RunView, event: Event) -> None:
            nonlocal voice
            if voice is None:
                voice = Voice(view.run_id, ticket.epoch, most)
            watch.on_event(view, event)
            if event.kind == "approval-asked":
                self._asking.ask(ticket, event)
            if event.kind not in _SETTLED:
                self._events.tell(voice, event.kind, event.path, details(event))

        return tell

    def _wish(self, run_ids: Sequence[str], wish: Wish) -> None:
        with self._lock:
            found = [self._works[it] for it in run_ids if it in self._works]
        for work in found:
            self._loop.call(partial(work.wish, wish))
