"""What the tests of virtual-python stages share: an index on loopback, a cache of their own, and a short way to run a script."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from local_index import LocalIndex
from virtual_stages import RELEASES, only, policy_of

from blockyard_platform import Runner
from blockyard_platform.results import StageRecord
from blockyard_schemas.policy import Policy

Script = Callable[..., Awaitable[StageRecord]]


@pytest.fixture(scope="session")
def shared_index() -> Iterator[LocalIndex]:
    with LocalIndex(*RELEASES) as found:
        yield found


@pytest.fixture(autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what tests build away from the user's own cache; they share it."""
    folder = tmp_path_factory.getbasetemp() / "environments"
    monkeypatch.setenv("BLOCKYARD_CACHE", str(folder))
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a test a cache of its own, with nothing in it."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("BLOCKYARD_CACHE", str(folder))
    return folder


@pytest.fixture
def index() -> Iterator[LocalIndex]:
    """Serve the releases at an address of this test's own."""
    with LocalIndex(*RELEASES) as found:
        yield found


@pytest.fixture
def policy(shared_index: LocalIndex) -> Policy:
    return policy_of(shared_index)


@pytest.fixture
async def runner(policy: Policy) -> AsyncIterator[Runner]:
    async with Runner(policy=policy) as found:
        yield found


@pytest.fixture
def script(runner: Runner) -> Script:
    """Return a coroutine function that runs one virtual-python stage, and returns its record."""

    async def run(code: str, *deps: str, **more: Any) -> StageRecord:
        stage = {"id": "a", "run": code, "deps": list(deps), **more}
        return only(await runner.run({"name": "t", "stages": [stage]}))

    return run
