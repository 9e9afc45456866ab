"""The wait stage: a sleep that a restart does not begin anew."""

from __future__ import annotations

from datetime import datetime
from time import time
from typing import TYPE_CHECKING, Any

from blockyard_platform.durations import seconds_of
from blockyard_platform.engine.deadlines import earliest
from blockyard_platform.errors import StageFailureError
from blockyard_platform.filters import text_of
from blockyard_platform.plain import is_mapping
from blockyard_platform.waits import Waiting, iso
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.engine.scope import Scope
    from blockyard_platform.plan import Wait
    from blockyard_platform.results import Outputs


async def execute(run: Run, body: Wait, scope: Scope, path: str) -> Outputs:
    """Sleep for a duration, or until a moment (ISO 8601 with an offset); counted from when the stage began first."""
    inputs = await run.fill(body.inputs, scope)
    begun = await run.begin_wait(path)
    due = _due(inputs, begun)
    if due > time():
        await run.waits.moment(Waiting(path, "timer", begun, due, earliest()))
    return {"until": iso(due)}


def _due(value: Any, begun: float) -> float:
    """Return the moment to wait for, in seconds since the epoch."""
    wanted = value
    if is_mapping(value):
        if value.get("until") is not None:
            return _moment(value["until"])
        wanted = value.get("for")
    try:
        return begun + seconds_of(wanted)
    except ValueError as error:
        raise StageFailureError(Code.INVALID_ARGUMENT, f"wait: {error}") from None


def _moment(value: Any) -> float:
    text = text_of(value)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = (
            f"wait: until {text[:60]!r} is no date and time, such as 2026-01-31T08:00:00+01:00"
        )
        raise StageFailureError(Code.INVALID_ARGUMENT, message) from None
    if moment.tzinfo is None:
        message = f"wait: until {text[:60]!r} has no offset; write Z or +01:00 behind it"
        raise StageFailureError(Code.INVALID_ARGUMENT, message)
    return moment.timestamp()
