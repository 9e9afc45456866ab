"""The empty stage: says something, waits a while, does nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from blockyard_platform.durations import seconds_of
from blockyard_platform.errors import StageFailureError
from blockyard_platform.filters import text_of
from blockyard_schemas.kinds import MAX_SLEEP
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.engine.scope import Scope
    from blockyard_platform.plan import Empty
    from blockyard_platform.results import Outputs


async def execute(run: Run, body: Empty, scope: Scope, path: str) -> Outputs:
    """Log ``echo``, then sleep for ``sleep`` seconds."""
    inputs = await run.fill(body.inputs, scope)
    echo, sleep = inputs.get("echo"), inputs.get("sleep")
    if echo is not None:
        for line in text_of(echo).removesuffix("\n").split("\n"):
            run.log(path, line)
    if sleep is not None:
        await asyncio.sleep(_seconds(sleep))
    return {}


def _seconds(value: object) -> float:
    try:
        seconds = seconds_of(value)
    except ValueError as error:
        raise StageFailureError(Code.INVALID_ARGUMENT, f"sleep: {error}") from None
    if seconds > MAX_SLEEP:
        raise StageFailureError(
            Code.INVALID_ARGUMENT, f"sleep: {seconds:g} s is more than {MAX_SLEEP:g} s"
        )
    return seconds
