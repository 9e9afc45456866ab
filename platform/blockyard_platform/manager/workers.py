"""Where steps are called: in this process, or in one of a few others that can be ended."""

from __future__ import annotations

import asyncio
import inspect
import multiprocessing
import os
import pickle
from typing import TYPE_CHECKING, Any

from blockyard_platform.errors import StageFailureError
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pebble import ProcessPool

    from blockyard_platform.manager.actions import Context
    from blockyard_platform.manager.steps import Step

_TIMED_OUT = "Task timeout"


class Workers:
    """Calls steps: coroutine functions in the event loop, functions here or in a process, of which there are ``most``."""

    def __init__(self, most: int | None) -> None:
        """Start nothing yet; without a number there are as many processes as processors."""
        self._most = most or os.cpu_count() or 1
        self._pool: ProcessPool | None = None

    async def call(self, step: Step, initial: Context, previous: Context, *, apart: bool) -> Any:
        """Call a step, ``apart`` in a process; raise what it raises, or StageFailureError for its timeout or its process."""
        if apart:
            return await self._call_apart(step, initial, previous)
        if not step.is_async:
            return step.call(initial, previous)
        clock = asyncio.timeout(step.options.timeout or None)
        try:
            async with clock:
                return await step.call(initial, previous)
        except TimeoutError:
            if clock.expired():
                raise _timeout(step.options.timeout) from None
            raise

    async def _call_apart(self, step: Step, initial: Context, previous: Context) -> Any:
        from pebble import ProcessExpired

        seconds = step.options.timeout or None
        future: Future[Any] = self._processes().schedule(
            call_in_process, args=(step, initial, previous), timeout=seconds
        )
        try:
            return pickle.loads(await asyncio.wrap_future(future))  # noqa: S301  (of this program's own process)
        except TimeoutError as error:
            if error.args[:1] == (_TIMED_OUT,):
                raise _timeout(step.options.timeout) from None
            raise
        except ProcessExpired as error:
            message = f"the process of the step ended with {error.exitcode} before it was done"
            raise StageFailureError(Code.KILLED_BY_SIGNAL, message) from None

    def _processes(self) -> ProcessPool:
        if self._pool is None:
            from pebble import ProcessPool

            methods = multiprocessing.get_all_start_methods()
            method = "forkserver" if "forkserver" in methods else "spawn"
            self._pool = ProcessPool(self._most, context=multiprocessing.get_context(method))
        return self._pool

    def close(self) -> None:
        """End the processes, and what is still done in them."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()


def call_in_process(step: Step, initial: Context, previous: Context) -> bytes:
    """Call a step in a worker, to its end; return its value, pickled."""
    try:
        found = step.call(initial, previous)
        found = asyncio.run(_awaited(found)) if inspect.isawaitable(found) else found
    except SystemExit as error:
        raise RuntimeError(f"it raised SystemExit({error.code!r})") from error
    try:
        return pickle.dumps(found)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TypeError(f"the value cannot be handed over by its process: {error}") from error


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


def _timeout(seconds: float) -> StageFailureError:
    return StageFailureError(
        Code.TIMEOUT, f"the step did not end within its timeout of {seconds:g} s"
    )


def failure_of_step(name: str, error: BaseException) -> StageFailureError:
    """Return the failure that an exception of a step stands for."""
    from blockyard_platform.engine.host import failure_of_block

    if isinstance(error, Exception):
        return failure_of_block(name, error)
    return StageFailureError(Code.UNHANDLED_EXCEPTION, f"{name}: it raised {type(error).__name__}")
