"""What the expressions of a whole workflow see, and how its jobs make its status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.scope import Scope
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_platform.engine.run import Run
    from blockyard_platform.results import JobResult


def names_of(
    run: Run, workflow: str, params: Mapping[str, Any], jobs: dict[str, JobResult]
) -> dict[str, Any]:
    """Return the names that all expressions of a workflow know."""
    return {
        "params": params,
        "jobs": jobs,
        "run": {"id": run.view.run_id, "workflow": workflow},
        "retry": 0,
    }


def scope_of_outputs(root: Scope, jobs: dict[str, JobResult]) -> Scope:
    """Return what a workflow's outputs see: all jobs, and of a single job its stages as well."""
    scope = Scope(root, {})
    if len(jobs) == 1:
        scope.stages.update(next(iter(jobs.values())).stages)
    return scope


def status_of_jobs(jobs: Mapping[str, JobResult]) -> Status:
    """Return the status of a workflow whose jobs have ended so: a job that was skipped is no failure."""
    failed = any(job.status in (Status.FAILED, Status.CANCEL) for job in jobs.values())
    return Status.FAILED if failed else Status.SUCCESS
