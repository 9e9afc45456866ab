"""Clients of a real service, on both databases."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from blockyard_platform.client import AsyncClient, Client

from ..store.conftest import postgres
from .served import Served, furnished

__all__ = ["postgres"]


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Yield a service on SQLite."""
    folder = tmp_path_factory.mktemp("service")
    found = Served(folder, str(folder / "blockyard.db"))
    found.start()
    yield found
    found.end()


@pytest.fixture(scope="session")
def service_postgres(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Yield a service on PostgreSQL."""
    where = sa.make_url(postgres).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(where, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE served"))
    engine.dispose()
    folder = tmp_path_factory.mktemp("service")
    found = Served(folder, postgres.replace("/postgres?", "/served?"))
    found.start()
    yield found
    found.end()


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Served:
    """Return a service, on each database in turn."""
    name = "service" if request.param == "sqlite" else "service_postgres"
    found: Served = request.getfixturevalue(name)
    return found


@pytest.fixture
def tenant(either: Served) -> str:
    """Return a new tenant's name, which has a policy and the workflow ``hello``."""
    name = f"t{uuid4().hex[:12]}"
    furnished(either, name)
    return name


@pytest.fixture
def client(either: Served, tenant: str) -> Iterator[Client]:
    """Yield a client for the new tenant, with the rights of the platform's admin."""
    with either.client(tenant) as found:
        yield found


@pytest.fixture
async def aclient(either: Served, tenant: str) -> AsyncIterator[AsyncClient]:
    """Yield a client of the other kind."""
    async with AsyncClient(either.url, either.token, tenant=tenant) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
