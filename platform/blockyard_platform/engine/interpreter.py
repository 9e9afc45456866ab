"""A run from its first stage to its outputs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.names import names_of, scope_of_outputs, status_of_jobs
from blockyard_platform.engine.scope import Scope
from blockyard_platform.engine.stages import as_failure
from blockyard_platform.errors import ExpressionError, JournalError, StageFailureError
from blockyard_platform.results import JobResult, RunResult
from blockyard_schemas.problems import Problem
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run


async def execute(run: Run, seconds: float) -> RunResult:
    """Bring a run to its end, within so many seconds; tell its journal, and let go of all that it holds."""
    message = f"the run did not end within its {seconds:g} s"
    timer = asyncio.get_running_loop().call_later(seconds, run.stop, Code.TIMEOUT, message)
    try:
        result = await interpret(run)
        return result if run.lost else _noted(run, result)
    finally:
        timer.cancel()
        run.journal.close()
        await run.guests.close()
        await run.observers.drain()


def _noted(run: Run, result: RunResult) -> RunResult:
    """Tell the journal how the run ended; without its word the run has not ended well."""
    try:
        run.journal.ended(result)
    except JournalError as error:
        problem = Problem(Code.INTERRUPTED.name, "", str(error))
        return replace(result, status=Status.FAILED, problems=(*result.problems, problem))
    return result


async def interpret(run: Run) -> RunResult:
    """Run the plan's jobs, then its outputs; end early when ``run.stop`` is called."""
    jobs: dict[str, JobResult] = {}
    root = Scope(None, names_of(run, run.plan.name, run.view.params, jobs))
    try:
        await run.jobs(run.plan, root, jobs, "")
        status = status_of_jobs(jobs)
        if status is not Status.SUCCESS:
            return _result(run, jobs, status)
        return await _with_outputs(run, jobs, scope_of_outputs(root, jobs))
    except BaseException as error:
        if run.stopped is None or not isinstance(error, asyncio.CancelledError):
            raise
        run.task.uncancel()
        return _stopped(run, jobs)


async def _with_outputs(run: Run, jobs: dict[str, JobResult], scope: Scope) -> RunResult:
    try:
        outputs = await run.fill(run.plan.outputs, scope)
    except (ExpressionError, StageFailureError) as error:
        failure = as_failure(error)
        problem = Problem(failure.code.name, "/outputs", failure.message)
        return _result(run, jobs, Status.FAILED, problems=(problem,))
    return _result(run, jobs, Status.SUCCESS, outputs=outputs or {})


def _stopped(run: Run, jobs: dict[str, JobResult]) -> RunResult:
    code, message = run.stopped or (Code.KILLED_MANUALLY, "")
    status = Status.CANCEL if code is Code.KILLED_MANUALLY else Status.FAILED
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
