"""The try stage: stages, others when one of them fails, and others at the end in any case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.nested import failure_of, status_of
from blockyard_platform.engine.scope import Scope

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.plan import Stage, Try
    from blockyard_platform.results import Outputs, StageRecord


async def execute(run: Run, body: Try, scope: Scope, path: str) -> Outputs:
    """Run ``try``; after a failure ``catch``, where ``error`` says what happened; then ``finally``.

    The stages of later parts see those of earlier ones. When ``catch`` ends well, so does the stage. A limit of the whole
    run, and cancellation, are not caught, and nothing is run after them.
    """
    scope = Scope(scope, {})
    outputs: Outputs = {}
    failed = await _part(run, body.body, scope, path, "try", outputs)
    if failed is not None and body.catch is not None and run.final is None:
        caught = Scope(scope, {"error": _error(failed)})
        failed = await _part(run, body.catch, caught, path, "catch", outputs)
        scope.stages |= caught.stages
    if body.last and run.final is None:
        failed = await _part(run, body.last, Scope(scope, {}), path, "finally", outputs) or failed
    if failed is not None:
        raise failure_of(run, failed, outputs)
    return outputs


async def _part(
    run: Run, stages: tuple[Stage, ...], scope: Scope, path: str, name: str, outputs: Outputs
) -> StageRecord | None:
    failed = await run.stages(stages, scope, f"{path}/{name}/")
    nested = {key: record.nested() for key, record in scope.stages.items()}
    outputs[name] = {"status": status_of(failed), "stages": nested}
    return failed


def _error(failed: StageRecord) -> dict[str, Any]:
    return {**(failed.error or {}), "code": int(failed.code), "stage": failed.id}
