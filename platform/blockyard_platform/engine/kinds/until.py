"""The until stage: runs its stages, then asks whether to stop; at least once, at most ``max-loop`` times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.conditions import truth
from blockyard_platform.engine.nested import failure_of, stages_of, status_of
from blockyard_platform.engine.scope import Scope
from blockyard_platform.engine.whole import whole
from blockyard_platform.errors import StageFailureError
from blockyard_schemas.kinds import MAX_LOOP
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.plan import Until
    from blockyard_platform.results import Outputs

_LOOPS = 10


async def execute(run: Run, body: Until, scope: Scope, path: str) -> Outputs:
    """Run the stages until the condition holds.

    ``loop`` counts from 1. ``item`` begins as the stage says (0 unless told); after each loop it is the output named ``item`` that a
    stage of the loop left last, or else the number of the loop. The condition sees that item, ``loop`` and the loop's stages.
    """
    inputs = await run.fill(body.inputs, scope)
    most = _most(run, inputs.get("max-loop"))
    item = inputs.get("item", 0)
    loops: dict[str, Any] = {}
    for loop in range(1, most + 1):
        inner = Scope(scope, {"item": item, "loop": loop})
        failed = await run.stages(body.stages, inner, f"{path}#{loop}/")
        loops[str(loop)] = {
            "status": status_of(failed),
            "loop": loop,
            "item": item,
            "stages": stages_of(inner),
        }
        outputs: Outputs = {"until": loops, "loops": loop}
        if failed is not None:
            raise failure_of(run, failed, outputs)
        item = inner.names["item"] = _next_item(inner, loop)
        if truth(await run.fill(body.condition, inner)):
            return outputs
    raise StageFailureError(
        Code.STEP_LIMIT_EXCEED,
        f"the condition of until did not hold after {most} loops (max-loop)",
        outputs={"until": loops, "loops": most},
    )


def _next_item(scope: Scope, loop: int) -> Any:
    for record in reversed(scope.stages.values()):
        if "item" in record.outputs:
            return record.outputs["item"]
    return loop


def _most(run: Run, value: Any) -> int:
    allowed = run.policy.loop_iterations
    if value is None:
        return min(_LOOPS, allowed)
    wanted = whole("max-loop", value, 1, MAX_LOOP)
    if wanted > allowed:
        raise StageFailureError(
            Code.STEP_LIMIT_EXCEED,
            f"max-loop is {wanted}, and the policy allows {allowed} (loop_iterations)",
        )
    return wanted
