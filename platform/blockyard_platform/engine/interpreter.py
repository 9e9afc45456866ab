"""A run from its first stage to its outputs."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.deadlines import begin, outermost
from blockyard_platform.engine.endings import as_failure
from blockyard_platform.engine.journal import DOCUMENTS, UNDER_WAY
from blockyard_platform.engine.names import names_of, scope_of_outputs, status_of_jobs
from blockyard_platform.engine.recalling import recalled
from blockyard_platform.engine.scope import Scope
from blockyard_platform.errors import ExpressionError, JournalError, StageFailureError
from blockyard_platform.results import JobResult, RunResult
from blockyard_schemas.problems import Problem
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run


async def execute(run: Run) -> RunResult:
    """Bring a run to its end, or to where it parks; tell its journal, and let go of all that it holds.

    The policy's seconds are those that the run is under way, the document's those since it began first.
    """
    begun = monotonic()
    timers = _timers(run)
    try:
        result = await interpret(run)
        run.over = True
        result = _noted(run, await run.hidden.result(result), monotonic() - begun)
        await run.observers.run_ended(run.view, result)
        return result
    finally:
        run.over = True
        for timer in timers:
            timer.cancel()
        run.journal.close()
        await run.guests.close()
        await run.observers.drain()


def _timers(run: Run) -> list[asyncio.TimerHandle]:
    """Start what stops the run when its time is over, and begin with the document's timeout as the outermost."""
    most, seconds = run.policy.run.wall_seconds, run.plan.timeout
    ends = [(most - float(run.pins.get(UNDER_WAY, 0)), most)]
    deadline = None
    if seconds is not None:
        deadline, left = begin(run, "", seconds, None)
        ends.append((left, seconds))
    outermost(deadline)
    later = asyncio.get_running_loop().call_later
    message = "the run did not end within its {:g} s"
    return [later(left, run.stop, Code.TIMEOUT, message.format(whole)) for left, whole in ends]


def _noted(run: Run, result: RunResult, seconds: float) -> RunResult:
    """Tell the journal how the run ended; without its word the run has not ended well."""
    if run.lost:
        return replace(result, lost=True)
    try:
        if not run.parked:
            run.journal.ended(result)
            return result
        run.journal.pinned(UNDER_WAY, repr(float(run.pins.get(UNDER_WAY, 0)) + seconds))
    except JournalError as error:
        problem = Problem(Code.INTERRUPTED.name, "", str(error))
        lost = replace(result, status=Status.FAILED, problems=(*result.problems, problem))
        return replace(lost, lost=bool(run.parked))
    return replace(result, parked=run.parked)


async def interpret(run: Run) -> RunResult:
    """Run the plan's jobs, then its outputs; end early when ``run.stop`` is called."""
    jobs: dict[str, JobResult] = {}
    root = Scope(None, names_of(run, run.plan.name, run.view.params, jobs))
    try:
        problems = await recalled(run)
        if run.observers.starts:
            await run.observers.run_started(run.view, resumed=run.past is not None)
        if problems:
            return _result(run, jobs, Status.FAILED, problems=problems)
        if run.plan.documents and DOCUMENTS not in run.pins:
            await run.pin(DOCUMENTS, json.dumps(dict(run.plan.documents), separators=(",", ":")))
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
    if run.parked and not run.lost:
        return _result(run, jobs, Status.WAIT)
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
        logs=tuple(run.printed.lines),
    )
