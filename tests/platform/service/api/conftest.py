"""The app in this process, over both databases, with two tenants that have one of everything, and tokens of every role."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from blockyard_platform.host_blocks import platform_catalog
from blockyard_platform.secrets.sealing import KeyRing
from blockyard_platform.service.admitting import Admitting
from blockyard_platform.service.api.app import create_app
from blockyard_platform.service.api.throttle import Throttle
from blockyard_platform.service.dispatch.port import Dispatcher
from blockyard_platform.service.operations import checks
from blockyard_platform.service.operations.health import Examiner
from blockyard_platform.service.operations.observing import Observing
from blockyard_platform.service.parts import Parts
from blockyard_platform.service.registry import (
    policies,
    schedules,
    sealed,
    switches,
    tenants,
    tokens,
    usage,
    workflows,
)
from blockyard_platform.service.registry.callers import Role
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.schedules import Timing
from blockyard_platform.service.registry.switches import SwitchKind
from blockyard_platform.service.runs import parking
from blockyard_platform.service.runs.orders import Order
from blockyard_platform.service.runs.runs import Runs
from blockyard_platform.service.runs.settling import Settler
from blockyard_platform.service.runs.watching import Watching
from blockyard_platform.service.scheduler import subscriptions
from blockyard_platform.service.scheduler.assembling import Scheduling
from blockyard_platform.service.scheduler.holding import Holding
from blockyard_platform.service.scheduler.hooks import HookDesk
from blockyard_platform.service.scheduler.rows import QueueGate, RunRows, RunWaiter, Secrets
from blockyard_platform.service.scheduler.sender import Sender
from blockyard_platform.service.scheduler.tables import OUTGOING
from blockyard_platform.service.scheduler.ticker import Ports, Ticker
from blockyard_platform.service.sealing import opener, sealer
from blockyard_platform.service.settings import Settings
from blockyard_platform.service.signals import Signals

from ..registry.conftest import (
    ADMIN,
    DOCUMENT,
    SERVICE,
    START,
    by,
    clock,
    database,
    filled_file,
    filled_server,
    place,
    postgres,
)

__all__ = ["clock", "database", "filled_file", "filled_server", "place", "postgres"]

ROLES = {"A": "admin", "O": "operator", "W": "author", "V": "viewer"}
"""The letters of the tables of the tests; W is who writes."""

YAML = {"Content-Type": "application/yaml"}

PATIENCE = 120.0
"""Seconds in which a part tells how it stands, however slow the machine is."""


class Idle:
    """A dispatcher of a process that executes nothing, where nobody is asked why a run waits."""

    executor_id = "idle"

    def why_waiting(self, run_id: str) -> None:
        """Say nothing of any run."""


@pytest.fixture
def parts(database: Database, tmp_path: Path) -> Iterator[Parts]:
    """Yield parts over a database, in a process that executes nothing."""
    catalog = platform_catalog()
    admitting = Admitting(database, catalog)
    signals = Signals(database.engine)
    watching = Watching(signals)
    keys = KeyRing.create(tmp_path / "keys")
    runs = Runs(database, admitting, Settler(signals), signals, lambda: None, Holding)
    reveal = Secrets(database, opener(keys))
    ports = Ports(runs, RunRows(), QueueGate(signals))
    desk = HookDesk(database, runs, reveal, RunWaiter(database, watching))
    looks = (checks.database(database.engine), checks.disk(tmp_path, 1, 1))
    yield Parts(
        settings=Settings(data=tmp_path, body_bytes=64 * 1024),
        database=database,
        catalog=catalog,
        keys=keys,
        admitting=admitting,
        health=Examiner([replace(it, seconds=PATIENCE) for it in looks]),
        runs=runs,
        dispatcher=cast("Dispatcher", Idle()),
        watching=watching,
        observing=Observing(),
        scheduling=Scheduling(Ticker(database, ports), Sender(database, reveal), desk),
    )
    watching.close()
    signals.close()


@pytest.fixture
def app(parts: Parts) -> FastAPI:
    return create_app(parts)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client without a token; an error that nobody foresaw is answered, as a server does."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://blockyard.test") as found:
        yield found


@pytest.fixture
def token(database: Database) -> Any:
    """Return a function that makes a token's headers, for a role and a tenant."""

    def made(
        role: str, tenant: str | None = None, *scopes: str, expires: float | None = None
    ) -> Any:
        with database.writing() as work:
            given = scopes or ("*",)
            found = tokens.issue(
                work, ADMIN, tenant, Role(role), scopes=given, expires=expires, label="a test's"
            )
        return {"Authorization": f"Bearer {found.text}"}

    return made


@pytest.fixture
def ids(database: Database, parts: Parts) -> dict[str, str]:
    """Fill the tenants ``ant`` and ``bee`` with one of everything; return the ids of a token and of runs of each, and one that is nobody's."""
    found = {"nobody": "0" * 16}
    timing = Timing("report", "0 7 * * *", next_at=START)
    with database.writing() as work:
        for name in ("ant", "bee"):
            own = by("admin", name)
            policies.put(work, ADMIN, name, "{steps: 6}", f"of {name}")
            workflows.put(work, own, name, "report", DOCUMENT + "desc: again\n", f"of {name}")
            for number in range(2):
                workflows.put(work, own, name, f"{name}-{number}", DOCUMENT)
                schedules.put(work, own, name, f"{name}-{number}", timing)
                switches.stop(work, own, SwitchKind.BLOCK, f"{name}.x{number}", f"of {name}")
                sealed.put(work, own, name, f"{name}-{number}", "hush", sealer(parts.keys))
            found[name] = tokens.issue(work, ADMIN, name, Role.VIEWER, label=f"of {name}").token.id
            sealed.put(work, own, name, "key", "hush", sealer(parts.keys))
            schedules.put(work, own, name, "daily", timing)
            switches.stop(work, own, SwitchKind.WORKFLOW, "mine", f"of {name}")
            usage.take_runs(work, own, name, 3)
            usage.store_bytes(work, SERVICE, name, 70)
        switches.stop(work, ADMIN, SwitchKind.BLOCK, "http.*", "for all")
    for name in ("ant", "bee"):
        for which in ("QUEUED", "ENDED", "AGAIN", "ASKS"):
            order = Order(tenant=name, workflow="report")
            found[f"{which} {name}"] = parts.runs.submit(by("operator", name), order).run_id
            if which in ("ENDED", "AGAIN"):
                parts.runs.cancel(by("operator", name), name, found[f"{which} {name}"])
        found[f"DEAD {name}"] = f"delivery-{name}"
        _fill_hooks(database, name, found)
    return found


def _fill_hooks(database: Database, tenant: str, ids: dict[str, str]) -> None:
    """Have a run ask for an approval, somebody be told of it, and a delivery be dead."""
    own = by("admin", tenant)
    with database.writing() as work:
        asked: dict[str, Any] = {"message": f"of {tenant}", "form": {}, "approvers": []}
        parking.note(work, ids[f"ASKS {tenant}"], "ask", "approval", asked)
        url = "https://example.com/hook"
        subscriptions.put(work, own, tenant, "told", url, ["run.failed"], "key")
        dead: dict[str, Any] = {
            "id": ids[f"DEAD {tenant}"],
            "tenant": tenant,
            "subscription": "told",
        }
        dead |= {"event": "run.failed", "body": "{}", "made": START, "tries": 9, "lease": 0.0}
        work.change(work.insert(OUTGOING).values(**dead))


class Patient(Throttle):
    """A throttle that lets everybody go on."""

    def wait(self, address: str, token: bytes) -> int:
        return 0


def disable(database: Database, tenant: str) -> None:
    """Switch a tenant off."""
    with database.writing() as work:
        tenants.disable(work, ADMIN, tenant, "mines coins")


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Return the problem document of an answer, which has the status that it says."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    assert found["type"].startswith("urn:blockyard:problem:")
    assert found["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    return found
