"""The parallel stage: runs branches side by side; each runs to its end, whatever becomes of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.nested import crew, failure_of, stages_of
from blockyard_platform.engine.scope import Scope
from blockyard_platform.engine.whole import whole
from blockyard_schemas.kinds import MAX_WORKERS
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.plan import Parallel, Stage
    from blockyard_platform.results import Outputs, StageRecord

_WORKERS = 2


async def execute(run: Run, body: Parallel, scope: Scope, path: str) -> Outputs:
    """Run the branches, ``max-workers`` at a time (2 unless told); in each, ``branch`` is its name."""
    inputs = await run.fill(body.inputs, scope)
    workers = whole("max-workers", inputs.get("max-workers", _WORKERS), 1, MAX_WORKERS)
    entries: dict[str, Any] = {}
    failures: dict[str, StageRecord] = {}
    branches = iter(body.branches)

    async def work() -> None:
        for name, stages in branches:
            failed = await _branch(run, name, stages, scope, path, entries)
            if failed is not None:
                failures[name] = failed

    await crew(run, min(workers, len(body.branches)), work)
    order = [name for name, _ in body.branches]
    outputs: Outputs = {"parallel": {name: entries[name] for name in order}}
    first = next((failures[name] for name in order if name in failures), None)
    if first is not None:
        raise failure_of(run, first, outputs)
    return outputs


async def _branch(
    run: Run,
    name: str,
    stages: tuple[Stage, ...],
    scope: Scope,
    path: str,
    entries: dict[str, Any],
) -> StageRecord | None:
    inner = Scope(scope, {"branch": name})
    failed = await run.stages(stages, inner, f"{path}/{name}/")
    status = Status.SUCCESS if failed is None else Status.FAILED
    entry: dict[str, Any] = {"status": status.value, "branch": name, "stages": stages_of(inner)}
    if failed is not None:
        entry["error"] = failed.error
    entries[name] = entry
    return failed
