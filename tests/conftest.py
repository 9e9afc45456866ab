"""What all tests share: a container engine and a registry, real ones, private to this session; and patience with made-up inputs."""

import os
from collections.abc import Iterator

import pytest
from engines import Engine, Registry, make_busybox, start_engine, start_registry
from hypothesis import settings

# A machine may stall at any moment: how long an example takes says nothing of the code. And what is made up is the same in every
# run, so that none fails by what no run before has seen; `--hypothesis-profile=random` looks further.
settings.register_profile("random", deadline=None)
settings.register_profile("same", deadline=None, derandomize=True)
settings.load_profile("same")


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Yield a running engine with a small image; DOCKER_HOST leads to it meanwhile."""
    found = start_engine()
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = found.url
    try:
        make_busybox(found)
        yield found
    finally:
        if before is None:
            del os.environ["DOCKER_HOST"]
        else:
            os.environ["DOCKER_HOST"] = before
        found.end()


@pytest.fixture(scope="session")
def registry(engine: Engine) -> Iterator[Registry]:
    """Yield a running registry."""
    found = start_registry()
    yield found
    found.end()
