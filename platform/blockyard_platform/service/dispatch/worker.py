"""A process that executes runs: its lease and its heart, its look at the other workers, and DBOS."""

from __future__ import annotations

import logging
from threading import Event, Thread
from typing import TYPE_CHECKING

from sqlalchemy import exc

from blockyard_platform.service.dispatch import runs
from blockyard_platform.service.dispatch.desk import Desk, Outlets
from blockyard_platform.service.dispatch.durable import Durable
from blockyard_platform.service.dispatch.fairness import Turns
from blockyard_platform.service.dispatch.leases import Dead, Lease, Watch, take_over
from blockyard_platform.service.dispatch.port import State
from blockyard_platform.service.dispatch.tables import writing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine import Engine

    from blockyard_platform.service.dispatch.port import Callbacks, Settings
    from blockyard_platform.service.dispatch.runs import Claim
    from blockyard_platform.service.signals import Signals

_LOG = logging.getLogger(__name__)
_HAND_OVER_SECONDS = 5.0
_POLL_SECONDS = 0.05
_SLOW_POLL_SECONDS = 1.0


class Worker:
    """Executes what its desk is given."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        callbacks: Callbacks,
        executor_id: str,
        signals: Signals | None,
    ) -> None:
        """Launch DBOS; no run is taken before :meth:`open`. Without ``signals``, look all the more often.

        Raises DispatchError when the process has a worker.
        """
        self._engine = engine
        self._settings = settings
        self._callbacks = callbacks
        outlets = Outlets(Turns(callbacks.share), self._begin, callbacks.on_cancel)
        poll = settings.poll_seconds or (_POLL_SECONDS if signals is None else _SLOW_POLL_SECONDS)
        self.desk = Desk(engine, settings, executor_id, poll, outlets)
        self._signals = signals
        self._ends: list[Callable[[], None]] = []
        self._durable = Durable(engine, executor_id, settings.slots, self._perform, self._withdraw)
        self._lease = Lease(engine, executor_id, settings.slots)
        self._watch = Watch(engine, executor_id, settings.lease_seconds)
        self._ending = Event()
        self._heart = Thread(target=self._live, name="dispatch-heart", daemon=True)

    def open(self) -> None:
        """Take part, and take up at once what died on this machine."""
        try:
            self._lease.take()
            self._look_after()
        except BaseException:
            self._durable.close()
            raise
        self._heart.start()
        self.desk.open()
        if self._signals is not None:
            look = self._signals.subscribe(runs.QUEUED, lambda _: self.desk.nudge())
            self._ends = [look, self._signals.subscribe(runs.TO_CANCEL, self._hear)]

    def _hear(self, run_id: str) -> None:
        if not run_id or self.desk.holds(run_id):
            self.desk.nudge()

    def recover(self, dead: Dead, *, force: bool = False) -> list[str] | None:
        """Queue what a dead worker had; None when it lives after all."""
        taken = take_over(self._engine, dead, force=force)
        if taken is not None:
            _LOG.warning("the worker %s is dead, and had %d runs", dead.worker, len(taken))
            self._durable.disown(dead.worker)
            self.desk.nudge()
        return taken

    def tidy(self, older_than_seconds: float, limit: int) -> int:
        """Delete what DBOS has of runs that ended so long ago, and say how many it was."""
        return self._durable.tidy(older_than_seconds, limit)

    def close(self, *, drain: bool, seconds: float | None) -> None:
        """Take nothing more, wait for what is at work or hand it over, and leave."""
        desk = self.desk
        desk.take_no_more()
        for end in self._ends:
            end()
        if not (drain and desk.wait_until_idle(seconds)):
            if left := desk.lose():
                self._tell_lost(left)
            # What has ended just now is noted all the same.
            desk.wait_until_idle(_HAND_OVER_SECONDS)
        desk.close()
        self._ending.set()
        self._heart.join()
        try:
            self._lease.give_back()
        except exc.SQLAlchemyError as error:
            _LOG.warning("the lease cannot be given back, and runs out: %s", error)
        self._durable.close()

    def _begin(self, claims: Sequence[Claim]) -> None:
        """Give runs to DBOS, in the desk's thread; others end meanwhile, and the next turn is worth its commit."""
        try:
            self._durable.start(claims)
        except Exception as error:  # noqa: BLE001  (it is tried again)
            for claim in claims:
                self._withdraw(claim, error)

    def _withdraw(self, claim: Claim, error: Exception) -> None:
        _LOG.error("the run %s cannot begin", claim.run_id, exc_info=error)
        self.desk.withdraw(claim)

    def _perform(self, run_id: str, number: int) -> str:
        """Execute a run, in one of DBOS's threads; what it returns is for those who read DBOS's tables."""
        claim = self.desk.enter(run_id, number)
        if claim is None:
            return "LOST"
        state = State.DELAYED
        try:
            if claim.failures > self._settings.retries:
                self._callbacks.on_failed(run_id)
                state = State.FAILED
            else:
                self._callbacks.execute(run_id)
                state = State.ENDED
        except Exception:  # noqa: BLE001  (it is tried again)
            _LOG.exception("the run %s has failed, and is tried again", run_id)
        finally:
            self.desk.finished(claim, state)
        return state.value

    def _live(self) -> None:
        """Beat, and look after the others, until the end."""
        while not self._ending.wait(self._settings.heartbeat_seconds):
            try:
                if not self._lease.beat():
                    self._lose()
                self._look_after()
            except exc.SQLAlchemyError as error:
                _LOG.warning("the heartbeat cannot be written: %s", error)
            except Exception:  # noqa: BLE001  (without a heart the runs would be lost)
                _LOG.exception("the heartbeat has failed, and goes on")

    def _lose(self) -> None:
        """Let go of what another worker has by now, and begin anew."""
        lost = self.desk.lose()
        _LOG.warning("the lease was lost, and with it %d runs", len(lost))
        if lost:
            self._tell_lost(lost)
        self._lease.take()
        # What another transaction held when the rest was taken over is still said to be here.
        self.desk.doubt()

    def _tell_lost(self, lost: list[str]) -> None:
        try:
            self._callbacks.on_lost(lost)
        except Exception:  # noqa: BLE001  (they are lost all the same)
            _LOG.exception("on_lost has failed")

    def _look_after(self) -> None:
        """Take over what dead workers had, and queue what is due to be tried again."""
        for dead in self._watch.look():
            self.recover(dead)
        with writing(self._engine) as connection:
            due = runs.wake(connection)
        if due:
            self.desk.nudge()
