"""Runs over both databases, for two tenants whose workflows say something."""

from dataclasses import dataclass, field

import pytest

from blockyard_platform.host_blocks import platform_catalog
from blockyard_platform.service.admitting import Admitting
from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.runs.orders import Order
from blockyard_platform.service.runs.runs import Runs
from blockyard_platform.service.runs.settling import Ended, Settler
from blockyard_platform.service.signals import Signals
from blockyard_platform.store.store import Store

from ..registry.conftest import (
    ADMIN,
    Clock,
    by,
    clock,
    database,
    filled_file,
    filled_server,
    place,
    postgres,
)

__all__ = ["ADMIN", "by", "clock", "database", "filled_file", "filled_server", "place", "postgres"]

ANT = by("operator", "ant")
BEE = by("operator", "bee")
SERVICE = Caller.service()


@dataclass
class Desk:
    """The room of runs, with what it tells others."""

    database: Database
    clock: Clock
    runs: Runs
    settler: Settler
    store: Store
    signals: Signals
    nudges: list[str] = field(default_factory=list[str])
    ended: list[Ended] = field(default_factory=list[Ended])

    def submit(self, **given: object) -> str:
        """Submit a run of ant's workflow, and return its id."""
        order = {"tenant": "ant", "workflow": "report"} | given
        return self.runs.submit(ANT, Order(**order)).run_id  # type: ignore[arg-type]


@pytest.fixture
def desk(database: Database, clock: Clock) -> Desk:
    signals = Signals(database.engine)
    settler = Settler(signals, [lambda work, it: found.ended.extend(it)])
    admitting = Admitting(database, platform_catalog())
    runs = Runs(database, admitting, settler, signals, lambda: found.nudges.append("nudge"))
    found = Desk(database, clock, runs, settler, Store(database.engine), signals)
    return found
