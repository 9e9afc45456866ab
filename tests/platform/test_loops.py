"""``loops``: a signal is heard whenever it comes."""

import asyncio
import signal
import socket
import threading
import time

import pytest

from blockyard_platform.loops import complete


def interrupt_beside() -> None:
    """Have SIGINT arrive as it does when it comes just before a wait: noted, while the wait itself is not interrupted by it."""

    def deliver() -> None:
        time.sleep(0.3)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    threading.Thread(target=deliver).start()


async def waiting(seconds: float) -> str:
    interrupt_beside()
    await asyncio.sleep(seconds)
    return "nothing was heard"


def test_an_interruption_that_wakes_no_wait_is_heard() -> None:
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        complete(waiting(60))
    assert time.monotonic() - begun < 30


def test_the_event_loop_alone_hears_it_late() -> None:
    """What ``complete`` is there for: the day this fails, ``asyncio.run`` hears it as well."""
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(waiting(4))
    assert time.monotonic() - begun >= 4


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
