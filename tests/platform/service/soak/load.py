"""Clients that submit without pause, and keep what was accepted: an answer that gets lost is asked for again, with the same key."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any
from uuid import uuid4

import httpx
import sqlalchemy as sa
from sqlalchemy import exc

from blockyard_platform.store.tables import RUNS

from .documents import KINDS, POLICY, Kind
from .processes import Fleet

TENANTS = ("ant", "bee")
_PATIENCE_SECONDS = 600
MOST_OPEN = 60
"""Runs that are open before nothing more is submitted: the soak is of faults, not of queues."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A run that the service has accepted."""

    run_id: str
    tenant: str
    kind: Kind


@dataclass
class Load:
    """Some clients, each in a thread."""

    fleet: Fleet
    engine: sa.Engine
    clients: int
    accepted: list[Accepted] = field(default_factory=list[Accepted])
    errors: int = 0
    broken: list[BaseException] = field(default_factory=list[BaseException])
    _lock: Lock = field(default_factory=Lock)
    _ending: Event = field(default_factory=Event)

    def prepare(self) -> None:
        """Make the tenants and their policies."""
        with self._client() as client:
            for tenant in TENANTS:
                assert client.post("/tenants", json={"name": tenant}).status_code == 201
                headers = {"Content-Type": "application/yaml"}
                quota = {"runs": 1_000_000, "cpu_seconds": 1e6, "stored_bytes": 10**12}
                path = f"/tenants/{tenant}"
                assert client.post(f"{path}/policies", content=POLICY, headers=headers).is_success
                assert client.put(f"{path}/quota", json=quota).is_success

    def start(self) -> None:
        self._threads = [Thread(target=self._serve, args=(it,)) for it in range(self.clients)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()
        if self.broken:
            raise self.broken[0]

    def _client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.fleet.token}"}
        return httpx.Client(base_url=f"{self.fleet.url}/api/v1", headers=headers, timeout=20)

    def _serve(self, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311  (nothing secret)
        try:
            with self._client() as client:
                while not self._ending.wait(0.05):
                    if self._open() < MOST_OPEN:
                        self._submit(client, chance)
                    else:
                        self._ending.wait(0.5)
        except BaseException as error:
            self.broken.append(error)
            raise

    def _submit(self, client: httpx.Client, chance: random.Random) -> None:
        kind, tenant = chance.choice(KINDS), chance.choice(TENANTS)
        body = {"document": kind.document, "params": {"n": chance.randrange(1_000)}}
        headers = {"Idempotency-Key": str(uuid4())}
        path = f"/tenants/{tenant}/runs"
        answer = self.insist(lambda: client.post(path, json=body, headers=headers))
        with self._lock:
            self.accepted.append(Accepted(answer["id"], tenant, kind))
        if kind.cancelled:
            time.sleep(chance.uniform(0, 0.5))
            cancel = f"{path}/{answer['id']}/cancel"
            self.insist(lambda: client.post(cancel, json={"reason": "the soak"}))

    def _open(self) -> int:
        """Return how many runs are open; none while the database is away: the service is asked all the same."""
        wanted = sa.select(sa.func.count()).select_from(RUNS).where(RUNS.c.settled == 0)
        try:
            with self.engine.connect() as connection:
                return connection.scalar(wanted) or 0
        except exc.SQLAlchemyError:
            return 0

    def insist(self, ask: Callable[[], httpx.Response]) -> dict[str, Any]:
        """Ask until there is an answer that is no trouble of the service's."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                answer = ask()
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.status_code < 500:
                assert answer.is_success, answer.text
                found: dict[str, Any] = answer.json()
                return found
            with self._lock:
                self.errors += 1
            assert time.monotonic() < end, f"no answer: {answer and answer.text}"
            time.sleep(0.2)
