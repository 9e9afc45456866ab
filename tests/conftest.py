"""The container engine and the registry that tests share: real ones, private to this session."""

import os
import signal
from collections.abc import Iterator

import pytest
from engines import Engine, Registry, make_busybox, start_engine, start_registry


def pytest_configure() -> None:
    """Hear Ctrl-C, and have programs hear it: a shell has what it runs in the background, as these tests, ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
