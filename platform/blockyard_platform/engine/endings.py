"""How a stage or a job ends that does not end well: what its record says of an exception, or of a cancellation."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from blockyard_platform.errors import ExpressionError, StageFailureError, StageSkipError
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.results import Outputs

    Ending = tuple[Status, Code, Outputs, dict[str, Any] | None]

_log = logging.getLogger("blockyard.engine")


def raised(run: Run, problem: Exception) -> Ending:
    """Return how a stage ends that has raised: it was skipped, or has failed. A final failure is noted as the run's."""
    if isinstance(problem, StageSkipError):
        return Status.SKIP, problem.code, problem.outputs, None
    failure = as_failure(problem)
    if failure.final and run.final is None:
        run.final = failure
    return Status.FAILED, failure.code, failure.outputs, failure.as_error()


def cancelled(run: Run) -> Ending:
    """Return how a stage ends that is cancelled now; it waits on when the run parks."""
    if run.parked:
        return Status.WAIT, Code.NONE, {}, None
    status, failure = why_cancelled(run)
    return status, failure.code, {}, failure.as_error()


def why_cancelled(run: Run) -> tuple[Status, StageFailureError]:
    """Return what becomes of a stage or a job that is cancelled now, and why."""
    code, message = run.stopped or (Code.KILLED_MANUALLY, "stopped by what encloses it")
    status = Status.CANCEL if code is Code.KILLED_MANUALLY else Status.FAILED
    return status, StageFailureError(code, message)


def as_failure(problem: Exception) -> StageFailureError:
    """Return what a stage's record says of an exception; one that is not foreseen is logged with its trace."""
    if isinstance(problem, StageFailureError):
        return problem
    if isinstance(problem, ExpressionError):
        hint = f" ({problem.hint})" if problem.hint else ""
        return StageFailureError(Code.EXPRESSION_ERROR, f"{problem}{hint}")
    _log.error("A stage kind raised", exc_info=problem)
    return StageFailureError(
        Code.UNHANDLED_EXCEPTION, f"the platform failed to run the stage: {type(problem).__name__}"
    )
