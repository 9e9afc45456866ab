"""What all tests share: a real container engine and a registry, private to this session; and patience with generated input."""

import os
import signal
from collections.abc import Iterator

import pytest
from engines import Engine, Registry, make_busybox, start_engine, start_registry
from hypothesis import HealthCheck, settings

# Who is started in the background of a script ignores it, and so do all that it starts: tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A machine that stalls for a moment is no fault of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


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
