"""Databases with two tenants, and runs that are rows."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from blockyard_platform.service.registry import schedules, workflows
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.schedules import Schedule, Timing
from blockyard_platform.service.scheduler.syncing import sync, triggers_of
from blockyard_platform.service.scheduler.ticker import Ports, Ticker
from blockyard_schemas.reader import read

from ...store.conftest import place, postgres
from ..registry.conftest import (
    SERVICE,
    START,
    Clock,
    by,
    clock,
    database,
    filled_file,
    filled_server,
)
from .recording import RECORDED, Recording

__all__ = [
    "SERVICE",
    "START",
    "Clock",
    "by",
    "clock",
    "database",
    "filled_file",
    "filled_server",
    "place",
    "postgres",
]

Put = Callable[..., None]


@pytest.fixture
def runs(database: Database) -> Iterator[Recording]:
    """Yield the rest of the service; what has failed in it was looked at by the test."""
    found = Recording(database)
    yield found
    with database.writing() as work:
        RECORDED.drop(work.connection)
    assert found.errors == []


@pytest.fixture
def ticker(database: Database, runs: Recording) -> Ticker:
    return Ticker(database, Ports(runs, runs, runs), runs.failed)


@pytest.fixture
def put(database: Database) -> Put:
    """Return what stores a workflow with what starts it, as the API does."""

    def stored(name: str, on: str, tenant: str = "ant", role: str = "author") -> None:
        text = f"name: {name}\n{on}\nstages: []\n"
        caller = by(role, tenant)
        with database.writing() as work:
            workflows.put(work, caller, tenant, name, text)
            sync(work, caller, tenant, name, triggers_of(read(text).data))

    return stored


def schedule(database: Database, name: str, tenant: str = "ant") -> Schedule:
    with database.reading() as work:
        return schedules.read(work, SERVICE, tenant, name)


def make(database: Database, name: str, cron: str, tenant: str = "ant", **more: Any) -> None:
    """Make a schedule of the workflow ``report``."""
    with database.writing() as work:
        schedules.put(work, by("operator", tenant), tenant, name, Timing("report", cron, **more))


def every(database: Database, table: sa.Table) -> list[Any]:
    """Return all rows of a table."""
    with database.reading() as work:
        return list(work.connection.execute(sa.select(table).order_by(*table.primary_key)))
