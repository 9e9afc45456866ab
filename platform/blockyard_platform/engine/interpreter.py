"""A run from its first stage to its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.scope import Scope
from blockyard_platform.engine.stages import as_failure
from blockyard_platform.errors import ExpressionError, StageFailureError
from blockyard_platform.results import JobResult, RunResult
from blockyard_schemas.problems import Problem
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    import asyncio

    from blockyard_platform.engine.run import Run
    from blockyard_platform.plan import Job


async def interpret(run: Run, task: asyncio.Task[RunResult]) -> RunResult:
    """Run the plan's jobs, one after the other, then its outputs; end early when ``run.stop`` is called."""
    jobs: dict[str, JobResult] = {}
    root = Scope(None, _names(run, jobs))
    scope = root
    try:
        for job in run.plan.jobs:
            scope = Scope(root, {})
            await _job(run, job, scope, jobs)
            if jobs[job.name].status is not Status.SUCCESS:
                return _result(run, jobs, Status.FAILED)
        return await _with_outputs(run, jobs, scope)
    except BaseException as error:
        if run.stopped is None or not _is_cancellation(error):
            raise
        task.uncancel()
        return await _stopped(run, jobs, scope)


def _names(run: Run, jobs: dict[str, JobResult]) -> dict[str, Any]:
    view = run.view
    return {
        "params": view.params,
        "jobs": jobs,
        "run": {"id": view.run_id, "workflow": view.workflow},
        "retry": 0,
    }


def _is_cancellation(error: BaseException) -> bool:
    import asyncio

    return isinstance(error, asyncio.CancelledError)


async def _job(run: Run, job: Job, scope: Scope, jobs: dict[str, JobResult]) -> None:
    run.job = job.name
    failed = await run.stages(job.stages, scope, "")
    status = Status.SUCCESS if failed is None else Status.FAILED
    jobs[job.name] = JobResult(status, scope.stages)
    await run.observers.job_finished(run.view, job.name, failed)


async def _with_outputs(run: Run, jobs: dict[str, JobResult], scope: Scope) -> RunResult:
    try:
        outputs = await run.fill(run.plan.outputs, scope)
    except (ExpressionError, StageFailureError) as error:
        failure = as_failure(error)
        problem = Problem(failure.code.name, "/outputs", failure.message)
        return _result(run, jobs, Status.FAILED, problems=(problem,))
    return _result(run, jobs, Status.SUCCESS, outputs=outputs or {})


async def _stopped(run: Run, jobs: dict[str, JobResult], scope: Scope) -> RunResult:
    code, message = run.stopped or (Code.KILLED_MANUALLY, "")
    status = Status.CANCEL if code is Code.KILLED_MANUALLY else Status.FAILED
    if run.job not in jobs:
        jobs[run.job] = JobResult(status, scope.stages)
        ended = [it for it in scope.stages.values() if it.status in (Status.FAILED, Status.CANCEL)]
        await run.observers.job_finished(run.view, run.job, ended[0] if ended else None)
    problems = () if status is Status.CANCEL else (Problem(code.name, "", message),)
    return _result(run, jobs, status, problems=problems)


def _result(
    run: Run,
    jobs: dict[str, JobResult],
    status: Status,
    *,
    outputs: dict[str, Any] | None = None,
    problems: tuple[Problem, ...] = (),
) -> RunResult:
    return RunResult(
        run_id=run.view.run_id,
        workflow=run.view.workflow,
        status=status,
        outputs=outputs or {},
        jobs=jobs,
        problems=problems,
        logs=tuple(run.logs),
    )
