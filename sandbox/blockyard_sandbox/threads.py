"""Blocking work beside an event loop: in a thread of its own, since one that hangs must hold up neither others nor the end of the process."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def in_thread(work: Callable[[], T], name: str) -> T:
    """Do blocking work in a thread of this name, and return or raise what it does; who is cancelled leaves it to itself.

    An exception that would end a thread or a loop, such as SystemExit, comes as a RuntimeError.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: Any, error: Exception | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def serve() -> None:
        result: Any = None
        failure: Exception | None = None
        try:
            result = work()
        except StopIteration:  # no future takes it
            failure = RuntimeError("it raised StopIteration")
        except Exception as error:  # noqa: BLE001  (raised again by whoever waits)
            failure = error
        except BaseException as error:  # noqa: BLE001  (sys.exit ends the work, not the host)
            failure = RuntimeError(f"it raised {type(error).__name__}")
        in_loop(loop, settle, result, failure)

    threading.Thread(target=serve, name=name, daemon=True).start()
    return await future


def in_loop(loop: asyncio.AbstractEventLoop, function: Callable[..., Any], *given: Any) -> None:
    """Call a function in an event loop, from any thread; when the loop is closed nobody waits any more, and nothing is done."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *given)
