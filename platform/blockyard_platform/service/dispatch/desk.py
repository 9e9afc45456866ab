"""The desk: one thread that takes runs in, gives them out and notes their end, all that is there in one transaction.

So a run that comes to an idle worker begins after one commit, and many that come at once share theirs.
"""

from __future__ import annotations

import logging
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Condition, Thread
from typing import TYPE_CHECKING

from sqlalchemy import exc

from blockyard_platform.service.dispatch import runs
from blockyard_platform.service.dispatch.port import DispatchError, State
from blockyard_platform.service.dispatch.tables import locked

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection, Engine

    from blockyard_platform.service.dispatch.fairness import Turns
    from blockyard_platform.service.dispatch.port import Settings
    from blockyard_platform.service.dispatch.runs import Claim, Submission

_LOG = logging.getLogger(__name__)
_AT_ONCE = 500
_AFTER_ERROR_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where runs go: dealt out by ``turns``, begun by ``begin``, which must not wait for their end, and told when they are cancelled."""

    turns: Turns
    begin: Callable[[Claim], None]
    on_cancel: Callable[[str], None]


class Desk:
    """What this process has at work, and the thread that keeps the tables true to it."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        worker: str,
        outlets: Outlets | None = None,
    ) -> None:
        """Give runs to the ``outlets``; without any, only take them in. Nothing happens before :meth:`open`."""
        self._engine = engine
        self._settings = settings
        self._worker = worker
        self._outlets = outlets
        self._changed = Condition()
        self._inbox: deque[tuple[Submission, Future[bool]]] = deque()
        self._over: deque[tuple[Claim, State]] = deque()
        self._at_work: dict[tuple[str, int], Claim] = {}
        self._lost: set[tuple[str, int]] = set()
        self._told: set[tuple[str, int]] = set()
        self._taking = outlets is not None
        self._nudged = False
        self._closing = False
        self._thread = Thread(target=self._serve, name="dispatch-desk", daemon=True)

    def open(self) -> None:
        """Begin."""
        self._thread.start()

    def submit(self, submission: Submission) -> Future[bool]:
        """Take a run in; the future tells whether it is new, once that is written."""
        future: Future[bool] = Future()
        with self._changed:
            if self._closing:
                raise DispatchError("the dispatcher has stopped")
            self._inbox.append((submission, future))
            self._changed.notify_all()
        return future

    def nudge(self) -> None:
        """Look at the queue at once."""
        with self._changed:
            self._nudged = True
            self._changed.notify_all()

    def enter(self, run_id: str, number: int) -> Claim | None:
        """Return what was given to this process, when its thread begins; None when it was lost before that."""
        with self._changed:
            key = (run_id, number)
            if key not in self._lost:
                return self._at_work.get(key)
            self._lost.remove(key)
            self._at_work.pop(key)
            self._changed.notify_all()
            return None

    def finished(self, claim: Claim, state: State) -> None:
        """Note how a run has ended: ENDED, DELAYED or FAILED."""
        key = (claim.run_id, claim.number)
        with self._changed:
            self._at_work.pop(key, None)
            self._told.discard(key)
            if key in self._lost:
                self._lost.remove(key)
            else:
                self._over.append((claim, state))
            self._changed.notify_all()

    def lose(self) -> list[str]:
        """Give up what is at work: whatever it comes to is not noted. Return which runs."""
        with self._changed:
            fresh = self._at_work.keys() - self._lost
            self._lost |= fresh
            return sorted({run_id for run_id, _ in fresh})

    def take_no_more(self) -> None:
        """Give out no more runs."""
        with self._changed:
            self._taking = False

    def wait_until_idle(self, seconds: float | None) -> bool:
        """Wait until nothing is at work, and what has ended is noted; say whether that came true."""

        def idle() -> bool:
            return not self._at_work and not self._over

        with self._changed:
            return self._changed.wait_for(idle, seconds)

    def close(self) -> None:
        """End the thread; what is in the inbox is still taken in."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_news, self._settings.poll_seconds)
                if self._closing and not self._inbox:
                    return
                news = self._has_news()
                self._nudged = False
            try:
                if news or self._is_needed():
                    self._turn()
                self._tell_cancelled()
            except exc.SQLAlchemyError as error:
                _LOG.warning("the database does not answer: %s", error)
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, _AFTER_ERROR_SECONDS)
            except Exception:  # noqa: BLE001  (one run cannot stop the others)
                _LOG.exception("dispatch has failed, and goes on")

    def _has_news(self) -> bool:
        return bool(self._inbox or self._over or self._nudged or self._closing)

    def _is_needed(self) -> bool:
        """Say whether another process has queued something that can begin here: a look without a lock."""
        if self._free() == 0:
            return False
        with self._engine.connect() as connection:
            return runs.has_queued(connection)

    def _free(self) -> int:
        with self._changed:
            return self._settings.slots - len(self._at_work) if self._taking else 0

    def _turn(self) -> None:
        """Take in, note what has ended and give out, in one transaction."""
        with self._changed:
            taken = [self._inbox.popleft() for _ in range(min(len(self._inbox), _AT_ONCE))]
            over = list(self._over)
        try:
            with locked(self._engine) as connection:
                submissions = [it for it, _ in taken]
                added = runs.add(connection, submissions) if submissions else set[str]()
                self._note(connection, over)
                claims = self._claims(connection)
        except exc.SQLAlchemyError as error:
            for _, future in taken:
                future.set_exception(DispatchError(f"the run cannot be accepted: {error}"))
            raise
        self._go_on(len(over), claims)
        for it, future in taken:
            # Of two submissions of one run that came together, the first one was new.
            future.set_result(it.run_id in added)
            added.discard(it.run_id)
        if self._outlets is not None:
            for claim in claims:
                self._outlets.begin(claim)

    def _claims(self, connection: Connection) -> list[Claim]:
        free = self._free()
        if not free or self._outlets is None:
            return []
        return runs.claim(connection, self._worker, free, self._outlets.turns)

    def _note(self, connection: Connection, over: list[tuple[Claim, State]]) -> None:
        for state in (State.ENDED, State.FAILED):
            if claims := [claim for claim, it in over if it is state]:
                runs.end(connection, claims, state)
        if failed := [claim for claim, it in over if it is State.DELAYED]:
            runs.delay(connection, failed, self._settings.retry_seconds)

    def _go_on(self, noted: int, claims: list[Claim]) -> None:
        """Take what was committed as it is now."""
        with self._changed:
            for _ in range(noted):
                self._over.popleft()
            for claim in claims:
                self._at_work[claim.run_id, claim.number] = claim
            self._changed.notify_all()

    def _tell_cancelled(self) -> None:
        with self._changed:
            mine = {run_id: (run_id, number) for run_id, number in self._at_work}
        if not mine or self._outlets is None:
            return
        with self._engine.connect() as connection:
            wanted = runs.to_cancel(connection, self._worker)
        for run_id in wanted:
            key = mine.get(run_id)
            if key is not None and key not in self._told:
                self._told.add(key)
                self._outlets.on_cancel(run_id)
