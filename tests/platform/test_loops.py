"""``loops``: a signal is heard whenever it comes."""

import asyncio
import signal
import socket
import sys
import threading
from collections.abc import Iterator

import pytest

from blockyard_platform.loops import complete


@pytest.fixture
def deaf() -> Iterator[None]:
    """Let threads take turns only where one of them waits: what a thread is to do while another waits comes no sooner."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(3600)
    yield
    sys.setswitchinterval(before)


class Interruption:
    """SIGINT as it comes just before a wait: noted, while the wait itself is not interrupted by it."""

    def __init__(self, patience: float) -> None:
        self.heard = False
        self._patience = patience
        self._waiting, self._over = threading.Event(), threading.Event()

    async def wait(self) -> None:
        """Wait in the loop until that is heard; what is not heard in time wakes the loop."""
        beside = threading.Thread(target=self._deliver, args=(asyncio.get_running_loop(),))
        beside.start()
        try:
            self._waiting.set()
            await asyncio.sleep(3600)
        finally:
            self._over.set()
            beside.join()

    def _deliver(self, loop: asyncio.AbstractEventLoop) -> None:
        self._waiting.wait()
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        self.heard = self._over.wait(self._patience)
        loop.call_soon_threadsafe(int)


@pytest.mark.usefixtures("deaf")
def test_an_interruption_that_wakes_no_wait_is_heard() -> None:
    interruption = Interruption(60)
    with pytest.raises(KeyboardInterrupt):
        complete(interruption.wait())
    assert interruption.heard


@pytest.mark.usefixtures("deaf")
def test_the_event_loop_alone_hears_it_late() -> None:
    """What ``complete`` is there for: the day this fails, ``asyncio.run`` hears it as well."""
    interruption = Interruption(2)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(interruption.wait())
    assert not interruption.heard


def test_values_and_errors_come_through_and_nothing_is_left() -> None:
    async def value() -> int:
        return 7

    async def error() -> None:
        raise ValueError("no")

    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno())
        try:
            assert complete(value()) == 7
            with pytest.raises(ValueError, match="no"):
                complete(error())
        finally:
            assert signal.set_wakeup_fd(-1) == theirs.fileno()


def test_it_runs_in_any_thread() -> None:
    found: list[str] = []

    async def value() -> None:
        found.append(threading.current_thread().name)

    thread = threading.Thread(target=lambda: complete(value()), name="another")
    thread.start()
    thread.join()
    assert found == ["another"]
