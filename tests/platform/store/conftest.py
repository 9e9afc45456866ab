"""Stores in both databases."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from blockyard_platform.service.dispatch import tables as dispatch_tables
from blockyard_platform.service.registry import tables as registry_tables
from blockyard_platform.service.runs import tables as runs_tables
from blockyard_platform.service.scheduler import tables as scheduler_tables
from blockyard_platform.store.store import Store

from .postgres import REQUIRED, folder_for_all, programs, server

TABLES = (dispatch_tables, registry_tables, runs_tables, scheduler_tables)
"""What adds to the tables that the program knows: all of them are made by the migrations."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Yield the URL of a PostgreSQL server."""
    if programs() is None:
        if REQUIRED:
            pytest.fail("PostgreSQL's server is required here: install the package postgresql")
        pytest.skip("PostgreSQL's server is not installed")
    with folder_for_all() as folder, server(folder) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield where an empty journal is: a file, and a database's URL."""
    if request.param == "sqlite":
        yield str(tmp_path / "runs.db")
        return
    with emptied(request.getfixturevalue("postgres")) as url:
        yield url


@contextmanager
def emptied(url: str) -> Generator[str]:
    """Yield the URL of an empty database of a server; it is dropped at the end."""
    name = f"runs_{uuid4().hex}"
    engine = sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield url.replace("/postgres?", f"/{name}?")
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def store(place: str) -> Iterator[Store]:
    """Yield a store in that place."""
    found = Store(place)
    yield found
    found.close()
