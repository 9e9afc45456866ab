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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Engine

    from blockyard_platform.service.dispatch.port import Callbacks, Settings
    from blockyard_platform.service.dispatch.runs import Claim

_LOG = logging.getLogger(__name__)
_HAND_OVER_SECONDS = 5.0


class Worker:
    """Executes what its desk is given."""

    def __init__(
        self, engine: Engine, settings: Settings, callbacks: Callbacks, executor_id: str
    ) -> None:
        """Launch DBOS; no run is taken before :meth:`open`. Raises DispatchError when the process has a worker."""
        self._engine = engine
        self._settings = settings
        self._callbacks = callbacks
        outlets = Outlets(Turns(callbacks.share), self._begin, callbacks.on_cancel)
        self.desk = Desk(engine, settings, executor_id, outlets)
        self._durable = Durable(engine, executor_id, settings.slots, self._perform)
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

    def recover(self, dead: Dead, *, force: bool = False) -> list[str] | None:
        """Queue what a dead worker had; None when it lives after all."""
        taken = take_over(self._engine, dead, force=force)
        if taken is not None:
            _LOG.warning("the worker %s is dead, and had %d runs", dead.worker, len(taken))
            self._durable.disown(dead.worker)
            self.desk.nudge()
        return taken

    def forget(self, ended: Sequence[tuple[str, int]]) -> None:
        """Delete what DBOS has of runs, given how often each was begun."""
        self._durable.forget(ended)

    def close(self, *, drain: bool, seconds: float | None) -> None:
        """Take nothing more, wait for what is at work or hand it over, and leave."""
        desk = self.desk
        desk.take_no_more()
        if not (drain and desk.wait_until_idle(seconds)) and (left := desk.lose()):
            self._callbacks.on_lost(left)
            desk.wait_until_idle(_HAND_OVER_SECONDS)
        desk.close()
        self._ending.set()
        self._heart.join()
        self._lease.give_back()
        self._durable.close()

    def _begin(self, claim: Claim) -> None:
        """Give a run to DBOS, in the desk's thread; others end meanwhile, and the next turn is worth its commit."""
        try:
            self._durable.start(claim)
        except Exception:  # noqa: BLE001  (it is tried again)
            _LOG.exception("the run %s cannot begin", claim.run_id)
            self.desk.finished(claim, State.DELAYED)

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
            self._callbacks.on_lost(lost)
        self._lease.take()

    def _look_after(self) -> None:
        """Take over what dead workers had, and queue what is due to be tried again."""
        for dead in self._watch.look():
            self.recover(dead)
        with self._engine.begin() as connection:
            due = runs.wake(connection)
        if due:
            self.desk.nudge()
