"""Registries in both databases, with two tenants, and callers of every role."""

import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import sqlalchemy as sa

from blockyard_platform.service.registry import (
    keys,
    policies,
    schedules,
    sealed,
    submissions,
    switches,
    tenants,
    tokens,
    usage,
    workflows,
)
from blockyard_platform.service.registry.callers import ALL, Caller, Role
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.schedules import Timing
from blockyard_platform.service.registry.switches import SwitchKind
from blockyard_platform.service.scheduler import tables as scheduler_tables
from blockyard_platform.store.tables import METADATA

from ...store.conftest import place, postgres

__all__ = ["place", "postgres", "scheduler_tables"]

Rows: TypeAlias = dict[str, list[Any]]
Ids: TypeAlias = dict[str, str]

START = 1_800_000_000.25
"""A Friday in January 2027."""

DOCUMENT = "name: report\nstages:\n  - id: one\n    echo: hello\n"
DIGEST = "d" * 64
TIMING = Timing("report", "0 7 * * *", next_at=START)


@dataclass
class Clock:
    """A clock that goes on when it is told to."""

    now: float = START

    def __call__(self) -> float:
        return self.now


def by(role: str, tenant: str | None = None, *scopes: str) -> Caller:
    """Return a caller with a role, for a tenant or for all."""
    return Caller(tenant, Role(role), frozenset(scopes or {ALL}), f"{role}-{tenant or 'all'}")


ADMIN = by("admin")
SERVICE = Caller.service()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def filled_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a database that is copied for each test."""
    file = tmp_path_factory.mktemp("filled") / "runs.db"
    _fill(str(file))
    return file


@pytest.fixture(scope="session")
def filled_server(postgres: str) -> tuple[str, Rows]:
    """Return the URL of a database, and the rows that each test finds in it: to make a database takes the server long."""
    where = sa.make_url(postgres).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(where, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE filled"))
    engine.dispose()
    url = postgres.replace("/postgres?", "/filled?")
    _fill(url)
    with _connected(url) as connection:
        tables = METADATA.sorted_tables
        return url, {it.name: list(connection.execute(sa.select(it)).mappings()) for it in tables}


@pytest.fixture(params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """Yield a database with the tenants ``ant`` and ``bee``, which each have a policy and a workflow."""
    # Threads that write at once to SQLite get their turn by chance: on a slow machine some have to wait for long.
    monkeypatch.setattr("blockyard_platform.store.engines._BUSY_SECONDS", 120)
    if request.param == "sqlite":
        place = str(tmp_path / "runs.db")
        shutil.copy(request.getfixturevalue("filled_file"), place)
    else:
        place, rows = request.getfixturevalue("filled_server")
        _restore(place, rows)
    found = Database(place, clock)
    yield found
    found.close()


@pytest.fixture
def ids(database: Database) -> Ids:
    """Fill the tenants with one of everything; return the ids of their tokens, and one that is nobody's."""
    found = {"nobody": "0" * 16}
    with database.writing() as work:
        for name in ("ant", "bee"):
            own = by("admin", name)
            workflows.put(work, own, name, "report", DOCUMENT + "title: again\n")
            for number in range(3):
                workflows.put(work, own, name, f"w{number}", DOCUMENT)
                found[name] = tokens.issue(work, ADMIN, name, Role.VIEWER).token.id
                schedules.put(work, own, name, f"s{number}", TIMING)
                switches.stop(work, own, SwitchKind.BLOCK, f"mine.{number}", "loops")
            sealed.put(work, own, name, "key", f"secret of {name}", lambda value, _: value)
            sealed.put(work, own, name, "other", f"secret of {name}", lambda value, _: value)
            schedules.put(work, own, name, "daily", TIMING)
            switches.stop(work, own, SwitchKind.WORKFLOW, f"of-{name}", "loops")
            submissions.claim(work, own, name, "given", DIGEST, f"run-{name}")
            usage.take_runs(work, own, name, 3)
            usage.store_bytes(work, SERVICE, name, 70)
            keys.lock(work, SERVICE, name)
            keys.add(work, SERVICE, name, "k", "1", 1, None)
        switches.stop(work, ADMIN, SwitchKind.BLOCK, "http.*", "for all")
        tokens.issue(work, ADMIN, None, Role.VIEWER)
    return found


def _fill(place: str) -> None:
    found = Database(place, Clock())
    with found.writing() as work:
        for name in ("ant", "bee"):
            tenants.create(work, ADMIN, name)
            policies.put(work, ADMIN, name, "{steps: 5}")
            workflows.put(work, by("author", name), name, "report", DOCUMENT)
    found.close()


def _restore(url: str, rows: Rows) -> None:
    with _connected(url) as connection:
        for table in reversed(METADATA.sorted_tables):
            connection.execute(sa.delete(table))
        for table in METADATA.sorted_tables:
            if rows[table.name]:
                connection.execute(sa.insert(table), rows[table.name])


@contextmanager
def _connected(url: str) -> Generator[sa.Connection]:
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        yield connection
    engine.dispose()
