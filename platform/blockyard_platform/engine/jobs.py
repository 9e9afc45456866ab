"""The jobs of a plan: each begins when those it needs have ended, as many side by side as the plan says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from blockyard_platform.engine.job import run_job
from blockyard_platform.engine.rules import is_due
from blockyard_platform.results import JobResult
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.engine.scope import Scope
    from blockyard_platform.plan import Job, Plan

    Jobs = dict[str, JobResult]


async def run_jobs(run: Run, plan: Plan, root: Scope, jobs: Jobs, prefix: str) -> None:
    """Run a plan's jobs and leave their results in ``jobs``, in the order of the plan; nothing waits by polling."""
    if len(plan.jobs) == 1:
        await _one(run, plan.jobs[0], root, jobs, prefix)
        return
    ended = {job.name: asyncio.Event() for job in plan.jobs}
    places = asyncio.Semaphore(plan.max_parallel)

    fork = run.waits.fork(len(plan.jobs))

    async def when_due(job: Job) -> None:
        with run.waits.still():
            for need in job.needs:
                await ended[need].wait()
            await places.acquire()
        try:
            await _one(run, job, root, jobs, prefix)
        finally:
            places.release()
        ended[job.name].set()
        fork.done()

    try:
        async with asyncio.TaskGroup() as group:
            for job in plan.jobs:
                group.create_task(when_due(job))
    finally:
        fork.join()
        _sort(plan, jobs)


async def _one(run: Run, job: Job, root: Scope, jobs: Jobs, prefix: str) -> None:
    if run.final is None and is_due(job.rule, [jobs[need].status for need in job.needs]):
        await run_job(run, job, root, jobs, prefix)
        return
    jobs[job.name] = JobResult(Status.SKIP, {})
    await run.observers.job_finished(run.view, prefix + job.name, None, Status.SKIP)


def _sort(plan: Plan, jobs: Jobs) -> None:
    for name in [job.name for job in plan.jobs if job.name in jobs]:
        jobs[name] = jobs.pop(name)
