"""The arena and the targets, shared by all attacks."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from arena import Arena, Targets, targets_in


@pytest.fixture(scope="session")
def arena() -> Iterator[Arena]:
    os.environ["BLOCKYARD_TEST_SECRET"] = "CANARY-in-the-environment"  # noqa: S105
    with asyncio.Runner() as runner:
        arena = Arena(runner)
        yield arena
        arena.close()


@pytest.fixture(scope="session")
def targets(arena: Arena) -> Iterator[Targets]:
    folder = Path(tempfile.mkdtemp(prefix="blockyard-attack-"))
    targets = targets_in(folder, arena)
    yield targets
    for listener in targets.listeners:
        listener.sock.close()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def swept(targets: Targets) -> None:
    """Forget what attacks of other modules, with layers left out, have reached."""
    targets.sweep()
