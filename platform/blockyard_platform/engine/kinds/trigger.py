"""The trigger stage: runs another workflow as a part of this run, within this run's limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.deadlines import Within
from blockyard_platform.engine.names import names_of, scope_of_outputs, status_of_jobs
from blockyard_platform.engine.nested import failure_of
from blockyard_platform.engine.scope import Scope
from blockyard_platform.errors import StageFailureError
from blockyard_platform.params import bind
from blockyard_platform.plain import is_mapping
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.plan import Plan, Trigger
    from blockyard_platform.results import JobResult, Outputs


async def execute(run: Run, body: Trigger, scope: Scope, path: str) -> Outputs:
    """Run the workflow with its params; its outputs are the stage's. It sees nothing of this workflow but them."""
    child = run.plan.children[body.workflow]
    params = _bound(child, await run.fill(body.inputs, scope))
    jobs: dict[str, JobResult] = {}
    root = Scope(None, names_of(run, child.name, params, jobs))
    try:
        async with Within(run, f"{path}>", child.timeout):
            await run.jobs(child, root, jobs, f"{path}>")
    except TimeoutError:
        message = (
            f"the workflow '{child.name}' did not end within its timeout of {child.timeout:g} s"
        )
        raise StageFailureError(Code.TIMEOUT, message) from None
    if status_of_jobs(jobs) is not Status.SUCCESS:
        raise _failure(run, child, jobs)
    outputs: Outputs = await run.fill(child.outputs, scope_of_outputs(root, jobs)) or {}
    return outputs


def _bound(child: Plan, given: Any) -> dict[str, Any]:
    if not is_mapping(given):
        raise StageFailureError(Code.INVALID_TYPE, "params must be a mapping of names to values")
    values, problems = bind(child.params, given, {})
    if problems:
        said = "; ".join(problem.message for problem in problems[:5])
        raise StageFailureError(Code.INVALID_ARGUMENT, f"workflow '{child.name}': {said}")
    return values


def _failure(run: Run, child: Plan, jobs: dict[str, JobResult]) -> StageFailureError:
    """Return the failure of the first stage that failed in the workflow, or of the job that did."""
    for job in jobs.values():
        for record in job.records():
            if record.status is Status.FAILED:
                return failure_of(run, record, {})
    error = next((job.error for job in jobs.values() if job.error is not None), None) or {}
    code = Code[error.get("name", Code.UNHANDLED_EXCEPTION.name)]
    message = f"workflow '{child.name}': {error.get('message', 'a job failed')}"
    return StageFailureError(code, message, final=run.final is not None)
