"""What tests share: a real container engine and a registry, private to this session, and how examples are drawn."""

import os
import signal
from collections.abc import Iterator

import pytest
from engines import Engine, Registry, make_busybox, start_engine, start_registry
from hypothesis import HealthCheck, settings

# A machine may stand still for seconds at any moment: how long an example takes tells nothing of what is tested. Where everything is
# required, examples are the same in every run, as hypothesis has it for CI: a change fails by what it changes, and new finds come up elsewhere.
settings.register_profile(
    "untimed",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="BLOCKYARD_REQUIRE" in os.environ,
)
settings.load_profile("untimed")


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
