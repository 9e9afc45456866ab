"""What the kinds that hold stages have in common: nested records as plain data, and failures that name their stage."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from blockyard_platform.errors import StageFailureError
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from blockyard_platform.engine.run import Run
    from blockyard_platform.engine.scope import Scope
    from blockyard_platform.results import Outputs, StageRecord


class StopCrewError(Exception):
    """Raised by a worker of a crew to stop the others; nothing else comes of it."""


async def crew(run: Run, size: int, worker: Callable[[], Awaitable[None]]) -> None:
    """Run so many workers side by side until all are done, or one raises StopCrewError; cancelled, end all of them."""
    fork = run.waits.fork(size)

    async def work() -> None:
        await worker()
        fork.done()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(size):
                group.create_task(work())
    except* StopCrewError:
        pass
    finally:
        fork.join()


def stages_of(scope: Scope) -> dict[str, Any]:
    """Return the records of a scope's own stages as the outputs of the enclosing stage show them."""
    return {name: record.nested() for name, record in scope.stages.items()}


def status_of(failed: StageRecord | None) -> str:
    """Return the status of a list of stages, of which this one failed."""
    return (Status.SUCCESS if failed is None else Status.FAILED).value


def failure_of(run: Run, failed: StageRecord, outputs: Outputs) -> StageFailureError:
    """Return the failure of a stage in which this one failed: its code, and where it was."""
    error = failed.error or {}
    message = str(error.get("message", ""))
    if not message.startswith("stage '"):
        message = f"stage '{failed.path}': {message}"
    return StageFailureError(
        failed.code,
        message,
        line=error.get("line"),
        text=error.get("text"),
        outputs=outputs,
        final=run.final is not None,
    )
