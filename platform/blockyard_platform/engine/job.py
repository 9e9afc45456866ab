"""One job: its condition, the combinations of its matrix, its attempts, its timeout, its outputs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.conditions import truth
from blockyard_platform.engine.deadlines import Within
from blockyard_platform.engine.endings import as_failure, why_cancelled
from blockyard_platform.engine.nested import StopCrewError, crew
from blockyard_platform.engine.scope import Scope
from blockyard_platform.engine.stages import seconds_from
from blockyard_platform.errors import ExpressionError, StageFailureError
from blockyard_platform.matrix import combinations
from blockyard_platform.results import JobResult
from blockyard_platform.retrying import allows, pause, read_retry
from blockyard_platform.templates import Template
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_platform.engine.run import Run
    from blockyard_platform.plan import Job, Strategy
    from blockyard_platform.results import Outputs, StageRecord
    from blockyard_platform.retrying import Retry

    Results = dict[Any, JobResult]

_BAD = (Status.FAILED, Status.CANCEL)


async def run_job(run: Run, job: Job, root: Scope, jobs: dict[str, JobResult], prefix: str) -> None:
    """Run a job and leave its result in ``jobs``, also when it is cancelled."""
    path = prefix + job.name
    try:
        due = job.condition is None or truth(await run.fill(job.condition, root))
        rows = None if job.strategy is None or not due else await _rows(run, job.strategy, root)
    except (ExpressionError, StageFailureError) as problem:
        jobs[job.name] = JobResult(Status.FAILED, {}, error=_error(problem))
        await run.observers.job_finished(run.view, path, None, Status.FAILED)
        return
    if not due:
        jobs[job.name] = JobResult(Status.SKIP, {})
        await run.observers.job_finished(run.view, path, None, Status.SKIP)
    elif rows is None or job.strategy is None:
        await _Attempts(run, job, jobs, job.name, prefix + job.prefix).run(root, {})
    else:
        await _matrix(run, job, job.strategy, rows, root, jobs, prefix)


async def _rows(run: Run, strategy: Strategy, root: Scope) -> list[dict[str, Any]]:
    return combinations(await run.fill(strategy.inputs, root))


async def _matrix(
    run: Run,
    job: Job,
    strategy: Strategy,
    rows: list[dict[str, Any]],
    root: Scope,
    jobs: dict[str, JobResult],
    prefix: str,
) -> None:
    results: Results = {}
    indexes = iter(range(len(rows)))
    fail_fast = truth(await run.fill(strategy.fail_fast, root))

    async def work() -> None:
        for index in indexes:
            where = f"{prefix}{job.name}[{index}]:"
            attempts = _Attempts(run, job, results, index, where, rows[index])
            await attempts.run(root, {"matrix": rows[index]})
            if results[index].status is Status.FAILED and (fail_fast or run.final is not None):
                raise StopCrewError

    try:
        await crew(run, min(strategy.max_parallel, len(rows)), work)
    finally:
        jobs[job.name] = _together(rows, results)


def _together(rows: list[dict[str, Any]], results: Results) -> JobResult:
    """Return the result of a matrix; a combination that was never begun is skipped."""
    never = [JobResult(Status.SKIP, {}, values=values) for values in rows]
    all_of_them = tuple(results.get(index, each) for index, each in enumerate(never))
    statuses = {each.status for each in all_of_them}
    first = next((each.error for each in all_of_them if each.error is not None), None)
    for status in (Status.WAIT, Status.FAILED, Status.CANCEL):
        if status in statuses:
            return JobResult(status, {}, error=first, matrix=all_of_them)
    return JobResult(Status.SUCCESS, {}, matrix=all_of_them)


class _Attempts:
    """One job, or one combination of its matrix, tried until it ends well or its retries are spent."""

    def __init__(
        self,
        run: Run,
        job: Job,
        results: Results,
        key: Any,
        prefix: str,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        self._run, self._job = run, job
        self._results, self._key = results, key
        self._prefix, self._values = prefix, values
        self._failed: StageRecord | None = None
        self._name = prefix.rstrip(":") or "main"

    async def run(self, root: Scope, names: dict[str, Any]) -> None:
        run, tried = self._run, 0
        if run.observers.starts:
            await run.observers.job_started(run.view, self._name)
        while True:
            scope = Scope(root, {**names, "retry": tried})
            await self._attempt(scope, _attempt_prefix(self._prefix, tried + 1))
            tried += 1
            failed = self._results[self._key].status is Status.FAILED
            if not failed or run.final is not None or self._job.retry is None:
                break
            retry = await self._retry(root)
            if retry is None or not allows(retry, tried, self._code()):
                break
            if run.reached(_attempt_prefix(self._prefix, tried + 1)):
                continue  # by earlier work on this run, which has waited before it
            run.log(self._prefix, f"attempt {tried} of the job failed ({self._code().name})")
            await asyncio.sleep(pause(retry, tried))
        await self._tell()

    async def _tell(self) -> None:
        status = self._results[self._key].status
        await self._run.observers.job_finished(self._run.view, self._name, self._failed, status)

    def _code(self) -> Code:
        if self._failed is not None:
            return self._failed.code
        error = self._results[self._key].error or {}
        return Code[error.get("name", Code.UNHANDLED_EXCEPTION.name)]

    async def _retry(self, root: Scope) -> Retry | None:
        retry = self._job.retry
        if not isinstance(retry, Template):
            return retry
        try:
            return read_retry(await self._run.fill(retry, root))
        except (ExpressionError, StageFailureError) as problem:
            self._end(Status.FAILED, error=_error(problem))
            return None

    async def _attempt(self, scope: Scope, prefix: str) -> None:
        run, job = self._run, self._job
        self._failed = None
        seconds = None
        try:
            if job.timeout is not None:
                seconds = await seconds_from(run, job.timeout, scope)
            async with Within(run, prefix, seconds):
                self._failed = await run.stages(job.stages, scope, prefix)
            if self._failed is not None:
                self._end(Status.FAILED, scope)
                return
            outputs = await run.fill(job.outputs, scope)
        except TimeoutError:
            message = f"the job did not end within its timeout of {seconds:g} s"
            self._end(Status.FAILED, scope, _error(StageFailureError(Code.TIMEOUT, message)))
        except (ExpressionError, StageFailureError) as problem:
            self._end(Status.FAILED, scope, _error(problem))
        except asyncio.CancelledError:
            status, failure = why_cancelled(run)
            if run.parked:
                self._end(Status.WAIT, scope)
            else:
                self._end(status, scope, failure.as_error())
            ended = (it for it in scope.stages.values() if it.status in _BAD)
            self._failed = next(ended, None)
            await self._tell()
            raise
        else:
            self._end(Status.SUCCESS, scope, outputs=outputs)

    def _end(
        self,
        status: Status,
        scope: Scope | None = None,
        error: dict[str, Any] | None = None,
        outputs: Outputs | None = None,
    ) -> None:
        stages = {} if scope is None else scope.stages
        self._results[self._key] = JobResult(status, stages, outputs or {}, error, self._values)


def _attempt_prefix(prefix: str, attempt: int) -> str:
    return prefix if attempt == 1 else f"{prefix.removesuffix(':')}~{attempt}:"


def _error(problem: ExpressionError | StageFailureError) -> dict[str, Any]:
    return as_failure(problem).as_error()
