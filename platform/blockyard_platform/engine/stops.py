"""What was stopped while a run is under way, or before its name was known: asked just before it is used."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from blockyard_platform.errors import StageFailureError
from blockyard_sandbox.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from blockyard_platform.engine.run import Run
    from blockyard_schemas.statuses import Code


async def check_stopped(run: Run, kind: str, names: Iterable[str], code: Code) -> None:
    """Raise StageFailureError with this code when one of these images or packages is stopped for the tenant of the run."""
    stops = run.house.stops
    if stops is None:
        return
    reason = await in_thread(partial(stops, kind, tuple(names)), "blockyard-stops")
    if reason is not None:
        raise StageFailureError(code, reason)
