"""What a run that is taken up again has revealed before: it is masked again, before anything is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blockyard_platform.engine.run import PIN_OF_SECRET
from blockyard_sandbox.threads import in_thread
from blockyard_schemas.problems import Problem

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run


async def recalled(run: Run) -> tuple[Problem, ...]:
    """Reveal what earlier work on a run has revealed; return a problem when nobody can.

    A secret that is gone meanwhile is named in the log, and the run goes on: what it held can be had from nowhere. One that was changed
    is masked as it is now.
    """
    names = [key.removeprefix(PIN_OF_SECRET) for key in run.pins if key.startswith(PIN_OF_SECRET)]
    if not names:
        return ()
    if not run.hidden.configured:
        message = "this run has used secrets, and there are none here to be masked in what it does"
        hint = "give it those that it began with: blockyard resume --secrets FILE, or Runner(secrets=...)"
        return (Problem("secret", "", message, hint),)
    lost = await in_thread(lambda: run.hidden.recall(names), "blockyard-secrets")
    for name in lost:
        run.log(
            "", f"the secret {name} cannot be had any more, so that it is not masked from now on"
        )
    return ()
