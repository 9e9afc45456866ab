"""Registries in both databases, with two tenants, and callers of every role."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from blockyard_platform.service.registry import policies, tenants, workflows
from blockyard_platform.service.registry.access import ALL, Caller, Role
from blockyard_platform.service.registry.database import Database

from ...store.conftest import place, postgres

__all__ = ["place", "postgres"]

START = 1_800_000_000.25
"""A Friday in January 2027."""

DOCUMENT = "name: report\nstages:\n  - id: one\n    echo: hello\n"


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


@pytest.fixture
def database(place: str, clock: Clock) -> Iterator[Database]:
    """Yield a database with the tenants ``ant`` and ``bee``, which each have a policy and a workflow."""
    found = Database(place, clock)
    with found.writing() as work:
        for name in ("ant", "bee"):
            tenants.create(work, ADMIN, name)
            policies.put(work, ADMIN, name, "{steps: 5}")
            workflows.put(work, by("author", name), name, "report", DOCUMENT)
    yield found
    found.close()


Tell = Callable[[], object]
