"""A service without its API: a database with tenants, runs, and workers of this process."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from blockyard_platform.host_blocks import platform_catalog
from blockyard_platform.secrets.providers import GivenSecrets
from blockyard_platform.secrets.sealing import KeyRing
from blockyard_platform.service.admitting import Admitting
from blockyard_platform.service.dispatch.port import Settings
from blockyard_platform.service.dispatch.port import State as Queued
from blockyard_platform.service.operations.observing import Observing
from blockyard_platform.service.registry import policies, tenants
from blockyard_platform.service.registry.callers import ALL, Caller, Role
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.runs import details, parking, reading
from blockyard_platform.service.runs.keeper import Keeper
from blockyard_platform.service.runs.orders import Order
from blockyard_platform.service.runs.runs import Runs
from blockyard_platform.service.runs.settling import Settler
from blockyard_platform.service.runs.tables import WAITS
from blockyard_platform.service.runs.views import EventRow, RunDetail, State
from blockyard_platform.service.signals import Signals
from blockyard_platform.service.vault import Vault
from blockyard_platform.service.worker.ground import Ground
from blockyard_platform.service.worker.shares import Shares
from blockyard_platform.service.worker.worker import Worker
from blockyard_platform.store.tables import STARTS

from ...store.conftest import place, postgres

__all__ = ["place", "postgres"]

PATIENCE = 120.0
SERVICE = Caller.service()
ADMIN = Caller(None, Role.ADMIN, frozenset({ALL}))
POLICY = """
tags: "*"
stages: [empty, call, python, foreach, parallel, try, wait, raise, bash, trigger]
stage: {processes: 8}
service: {rate_per_minute: 100000}
"""


@dataclass
class Place:
    """A database, and what is done with it in this process."""

    url: str
    folder: Path
    database: Database
    keys: KeyRing
    ground: Ground

    def __post_init__(self) -> None:
        self.begin(self.ground)

    def begin(self, ground: Ground) -> None:
        """Start a worker, and what gives it runs."""
        self.worker = Worker(ground, Settings(self.url, slots=4, name="here"))
        self.worker.start()
        nudge = self.worker.dispatcher.nudge
        self.runs = Runs(self.database, ground.admitting, ground.settler, ground.signals, nudge)
        self.keeper = Keeper(self.database, ground.settler, ground.signals, nudge)

    def end(self) -> None:
        """End it."""
        self.keeper.close()
        self.worker.stop(drain=False, seconds=1)

    def submit(self, document: str, tenant: str = "ant", **given: Any) -> str:
        return self.runs.submit(SERVICE, Order(tenant, document=document, **given)).run_id

    def read(self, run_id: str, tenant: str = "ant") -> RunDetail:
        with self.database.reading() as work:
            return reading.read(work, SERVICE, tenant, run_id)

    def queued(self, run_id: str) -> Queued | None:
        """Return where dispatch has a run: it learns a moment later than who waits for a run that this has ended."""
        found = self.worker.dispatcher.status(run_id)
        return None if found is None else found.state

    def begun(self, run_id: str) -> None:
        """Wait until a run has begun with a stage: one that is at work by the queue may not have come so far."""
        until(lambda: "stage-started" in [it.kind for it in self.events(run_id)])

    def come(self) -> None:
        """Let an hour have passed for what is parked."""
        with self.database.writing() as work:
            work.change(sa.update(STARTS).values(at=STARTS.c.at - 3_600))
            work.change(sa.update(WAITS).values(due=WAITS.c.due - 3_600))
            self.ground.signals.publish(work.connection, parking.TOPIC)

    def events(self, run_id: str, tenant: str = "ant") -> tuple[EventRow, ...]:
        with self.database.reading() as work:
            return details.events(work, SERVICE, tenant, run_id)

    def reach(
        self,
        run_id: str,
        state: State = State.ENDED,
        seconds: float = PATIENCE,
        tenant: str = "ant",
    ) -> RunDetail:
        """Wait for a state, and return what is known of the run then."""
        found: RunDetail = until(lambda: self._in(run_id, state, tenant), seconds)
        return found

    def _in(self, run_id: str, state: State, tenant: str) -> RunDetail | None:
        found = self.read(run_id, tenant)
        return found if found.row.state is state else None


def until(look: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait until something is there, and return it."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)
    return found


@pytest.fixture
def here(place: str, tmp_path: Path) -> Iterator[Place]:
    database = Database(place)
    with database.writing() as work:
        for name in ("ant", "bee"):
            tenants.create(work, ADMIN, name)
            policies.put(work, ADMIN, name, POLICY)
    signals = Signals(database.engine)
    settler = Settler(signals)
    vault = Vault(
        database, KeyRing.create(tmp_path / "keys"), GivenSecrets({"admin/API": "@dmin-0wn"})
    )
    admitting = Admitting(database, platform_catalog(), vault)
    ground = Ground(
        database,
        admitting,
        settler,
        signals,
        Shares(admitting),
        Observing(),
        tmp_path / "data",
    )
    found = Place(place, tmp_path, database, vault.keys, ground)
    yield found
    found.end()
    signals.close()
    database.close()
