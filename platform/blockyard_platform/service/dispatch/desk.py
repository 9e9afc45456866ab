"""The desk: one thread that notes what has ended, and gives out what is next, all that is there in one transaction.

Whether a transaction was committed is not known when its connection is lost meanwhile. What the tables say that this process has, and the
desk does not know of, is then queued again, in the next turn.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from threading import Condition, Thread
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import exc

from blockyard_platform.service.dispatch import claiming, runs
from blockyard_platform.service.dispatch.noting import note, put_back
from blockyard_platform.service.dispatch.pace import Pace
from blockyard_platform.service.dispatch.port import State
from blockyard_platform.service.dispatch.tables import locked, looking
from blockyard_platform.service.signals import notify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine import Engine

    from blockyard_platform.service.dispatch.fairness import Turns
    from blockyard_platform.service.dispatch.noting import Over
    from blockyard_platform.service.dispatch.port import Settings
    from blockyard_platform.service.dispatch.runs import Claim

_LOG = logging.getLogger(__name__)
_AFTER_ERROR_SECONDS = 0.25
_WHILE_LOCKED_SECONDS = 0.02

Key: TypeAlias = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where runs go: dealt out by ``turns``, begun by ``begin``, which must not wait for their end, and told when they are cancelled."""

    turns: Turns
    begin: Callable[[Sequence[Claim]], None]
    on_cancel: Callable[[str], None]


class Desk:
    """What this process has at work, and the thread that keeps the tables true to it."""

    def __init__(
        self, engine: Engine, settings: Settings, worker: str, poll_seconds: float, outlets: Outlets
    ) -> None:
        """Give runs to the ``outlets``. Nothing happens before :meth:`open`."""
        self._engine = engine
        self._settings = settings
        self._worker = worker
        self._poll_seconds = poll_seconds
        self._outlets = outlets
        self._changed = Condition()
        self._over: deque[tuple[Claim, State]] = deque()
        self._at_work: dict[Key, Claim] = {}
        self._entered: set[Key] = set()
        self._lost: set[Key] = set()
        self._told: set[Key] = set()
        self._leases = 0
        self._taking = self._nudged = True
        self._unsure = self._turning = self._closing = False
        self._pace = Pace()
        self._thread = Thread(target=self._serve, name="dispatch-desk", daemon=True)

    def open(self) -> None:
        """Begin."""
        self._thread.start()

    def nudge(self) -> None:
        """Look at once for what can begin, and for what is to be cancelled."""
        with self._changed:
            self._nudged = True
            self._changed.notify_all()

    def holds(self, run_id: str) -> bool:
        """Say whether a run is at work here."""
        with self._changed:
            return any(it == run_id for it, _ in self._at_work)

    def enter(self, run_id: str, number: int) -> Claim | None:
        """Return what was given to this process, when its thread begins; None when it was lost or withdrawn before, or has begun."""
        key = (run_id, number)
        with self._changed:
            if key in self._entered or key not in self._at_work:
                return None
            if key not in self._lost:
                self._entered.add(key)
                return self._at_work[key]
            self._forget(key)
            return None

    def finished(self, claim: Claim, state: State) -> None:
        """Note how a run has ended: ENDED, DELAYED or FAILED."""
        with self._changed:
            if not self._forget((claim.run_id, claim.number)):
                self._over.append((claim, state))

    def withdraw(self, claim: Claim) -> None:
        """Note that a run could not begin, unless it has after all; from now on it cannot."""
        key = (claim.run_id, claim.number)
        with self._changed:
            if key in self._at_work and key not in self._entered:
                self.finished(claim, State.DELAYED)

    def _forget(self, key: Key) -> bool:
        """Take a run from what is at work; say whether it was lost."""
        lost = key in self._lost
        self._at_work.pop(key, None)
        for noted in (self._entered, self._lost, self._told):
            noted.discard(key)
        self._changed.notify_all()
        return lost

    def lose(self) -> list[str]:
        """Give up what is at work, or is about to be: whatever it comes to is not noted. Return which runs."""
        with self._changed:
            self._leases += 1
            fresh = self._at_work.keys() - self._lost
            self._lost |= fresh
            return sorted({run_id for run_id, _ in fresh})

    def doubt(self) -> None:
        """Have what the tables say that this process has, and the desk does not know of, queued again in the next turn."""
        with self._changed:
            self._leases += 1
            self._unsure = True
        self.nudge()

    def take_no_more(self) -> None:
        """Give out no more runs."""
        with self._changed:
            self._taking = False

    def wait_until_idle(self, seconds: float | None) -> bool:
        """Wait until nothing is at work, or just given out, and what has ended is noted; say whether that came true."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not (self._at_work or self._over or self._turning), seconds
            )

    def close(self) -> None:
        """End the thread."""
        self._closing = True
        self.nudge()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._turning = False
                self._changed.notify_all()
                self._changed.wait_for(self._has_news, self._poll_seconds)
                self._gather()
                if self._closing:
                    return
                look = self._nudged or not self._over
                self._nudged = False
            try:
                if look:
                    self._tell_cancelled()
                if self._over or self._unsure or self._is_needed():
                    self._turn()
            except Exception as error:  # noqa: BLE001  (one run cannot stop the others)
                told = isinstance(error, exc.SQLAlchemyError)
                _LOG.warning("dispatch has failed, and goes on: %s", error, exc_info=not told)
                self._rest(_AFTER_ERROR_SECONDS)

    def _has_news(self) -> bool:
        return bool(self._over or self._nudged or self._closing)

    def _gather(self) -> None:
        """Let more come to a turn that would follow another one at once, while most slots are at work anyway."""
        few = self._settings.slots / 2
        self._changed.wait_for(lambda: self._closing or len(self._at_work) < few, self._pace.left())

    def _rest(self, seconds: float) -> None:
        with self._changed:
            self._nudged = True
            self._changed.wait_for(lambda: self._closing, seconds)

    def _is_needed(self) -> bool:
        """Say whether something is queued that can begin here: a look without a lock."""
        if self._free() == 0:
            return False
        with looking(self._engine) as connection:
            return claiming.has_queued(connection)

    def _free(self) -> int:
        with self._changed:
            return self._settings.slots - len(self._at_work) if self._taking else 0

    def _turn(self) -> None:
        """Note what has ended and give out, in one transaction."""
        self._pace.begin()
        with self._changed:
            self._turning, over, leases = True, list(self._over), self._leases
            known = self._at_work.keys() - self._lost
            known |= {(it.run_id, it.number) for it, _ in over}
        unsure, self._unsure = self._unsure, True
        with locked(self._engine) as connection:
            unsure = unsure and not put_back(connection, self._worker, known)
            held = note(connection, over, self._settings.retry_seconds)
            claims = claiming.claim(connection, self._worker, self._free(), self._outlets.turns)
            if over and not self._taking:
                notify(connection, runs.QUEUED)
        self._unsure = unsure
        if begun := self._go_on(len(over), held, claims, leases):
            self._outlets.begin(begun)
        self._pace.end()
        if held or unsure:
            self._rest(_WHILE_LOCKED_SECONDS)

    def _go_on(self, noted: int, held: Over, claims: list[Claim], leases: int) -> list[Claim]:
        """Take what was committed as it is now; return what begins: nothing when the lease was lost meanwhile."""
        with self._changed:
            for _ in range(noted):
                self._over.popleft()
            self._over.extendleft(reversed(held))
            self._changed.notify_all()
            if leases != self._leases:
                # Another worker may have it by now; what it has not is queued again in the next turn.
                self._unsure = self._nudged = True
                return []
            for claim in claims:
                self._at_work[claim.run_id, claim.number] = claim
            return claims

    def _tell_cancelled(self) -> None:
        with self._changed:
            mine = {run_id: (run_id, number) for run_id, number in self._at_work}
        if not mine:
            return
        with looking(self._engine) as connection:
            wanted = runs.to_cancel(connection, self._worker)
        for run_id in wanted:
            key = mine.get(run_id, (run_id, 0))
            with self._changed:
                news = key in self._at_work and key not in self._told
                self._told |= {key} if news else set()
            if news:
                self._outlets.on_cancel(run_id)
