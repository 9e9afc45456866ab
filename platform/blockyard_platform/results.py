"""What a run leaves: records of stages, of jobs, of the run.

All of it is frozen. ``RunResult.as_dict`` is the JSON object that the command line prints.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from blockyard_platform.waits import Waiting
    from blockyard_schemas.problems import Problem

Outputs = dict[str, Any]
"""What a stage leaves for later stages: plain data under text keys."""


class StageRecord(NamedTuple):
    """How one stage ended.

    ``path`` is the node path (``a/b``, ``a[17]/b``, ``job:a#3/b``), ``started`` seconds since the epoch,
    ``seconds`` how long it took with all its attempts, ``error`` ``None`` or a dict of ``name``, ``message``,
    ``line``, ``text``.
    """

    id: str
    path: str
    kind: str
    status: Status
    code: Code
    outputs: Outputs
    error: dict[str, Any] | None
    started: float | None
    seconds: float
    attempts: int

    def nested(self) -> dict[str, Any]:
        """Return the record as the outputs of an enclosing stage, and expressions, show it."""
        return {
            "status": self.status.value,
            "code": int(self.code),
            "outputs": self.outputs,
            "error": self.error,
        }

    def look(self, key: str) -> Any:
        """Return what an expression reads of the record; raise KeyError for anything else."""
        if key == "outputs":
            return self.outputs
        if key == "status":
            return self.status.value
        if key == "code":
            return int(self.code)
        if key == "error":
            return self.error
        raise KeyError(key)

    def keys(self) -> tuple[str, ...]:
        """Return what :meth:`look` knows."""
        return ("status", "code", "outputs", "error")

    def plain(self) -> dict[str, Any]:
        """Return the record as expressions see it."""
        return self.nested()

    def as_dict(self) -> dict[str, Any]:
        """Return the record as the command line prints it; ``started`` is ISO 8601 in UTC."""
        begun = (
            None if self.started is None else datetime.fromtimestamp(self.started, UTC).isoformat()
        )
        return self.nested() | {
            "started": begun,
            "seconds": round(self.seconds, 6),
            "attempts": self.attempts,
        }


class LogLine(NamedTuple):
    """One line that a stage printed; ``stage`` is its node path."""

    stage: str
    text: str


class Records(NamedTuple):
    """The stages of a job, as expressions see them."""

    stages: Mapping[str, StageRecord]

    def look(self, key: str) -> StageRecord:
        """Return a stage's record; raise KeyError when there is none."""
        return self.stages[key]

    def keys(self) -> tuple[str, ...]:
        """Return the ids of the stages."""
        return tuple(self.stages)

    def plain(self) -> dict[str, Any]:
        """Return all records as plain data."""
        return {name: record.nested() for name, record in self.stages.items()}


@dataclass(frozen=True, slots=True)
class JobResult:
    """How a job ended: its status, the records of its stages by id, its outputs.

    ``error`` is what failed beside the stages: its timeout, its condition, its matrix. A job with a matrix has no stages of its
    own; ``matrix`` holds the result of each combination, in order, with its ``values``.
    """

    status: Status
    stages: Mapping[str, StageRecord]
    outputs: Outputs = field(default_factory=Outputs)
    error: dict[str, Any] | None = None
    values: Mapping[str, Any] | None = None
    matrix: tuple[JobResult, ...] | None = None

    def look(self, key: str) -> Any:
        """Return what an expression reads of the job; raise KeyError for anything else."""
        if key == "status":
            return self.status.value
        if key == "stages":
            return Records(self.stages)
        if key in ("outputs", "error"):
            return getattr(self, key)
        if key == "matrix" and self.matrix is not None:
            return Combinations(self.matrix)
        if key == "values" and self.values is not None:
            return self.values
        raise KeyError(key)

    def keys(self) -> tuple[str, ...]:
        """Return what :meth:`look` knows."""
        more = [key for key in ("matrix", "values") if getattr(self, key) is not None]
        return ("status", "stages", "outputs", "error", *more)

    def plain(self) -> dict[str, Any]:
        """Return the job as expressions see it."""
        return {
            key: value.plain() if isinstance(value, Records | Combinations) else value
            for key, value in ((key, self.look(key)) for key in self.keys())
        }

    def as_dict(self) -> dict[str, Any]:
        """Return plain data: status and stages, and what else the job has."""
        found: dict[str, Any] = {} if self.values is None else {"values": dict(self.values)}
        found["status"] = self.status.value
        found["stages"] = {name: record.as_dict() for name, record in self.stages.items()}
        if self.outputs:
            found["outputs"] = self.outputs
        if self.error is not None:
            found["error"] = self.error
        if self.matrix is not None:
            found["matrix"] = [each.as_dict() for each in self.matrix]
        return found

    def records(self) -> Iterator[StageRecord]:
        """Yield the records of all its own stages, those of each combination included."""
        yield from self.stages.values()
        for each in self.matrix or ():
            yield from each.records()


class Combinations(NamedTuple):
    """The jobs of a matrix, as expressions see them: by position from 0."""

    jobs: tuple[JobResult, ...]

    def look(self, key: str) -> JobResult:
        """Return a job; raise KeyError when there is none."""
        if not key.isdecimal() or int(key) >= len(self.jobs):
            raise KeyError(key)
        return self.jobs[int(key)]

    def keys(self) -> list[str]:
        """Return the positions."""
        return [str(index) for index in range(len(self.jobs))]

    def plain(self) -> list[Any]:
        """Return all as plain data."""
        return [job.plain() for job in self.jobs]


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended.

    ``run_id`` is ``None`` when the document was not admitted; ``problems`` then says why. ``logs`` holds what the stages
    printed, up to a bound. ``status`` is SUCCESS, FAILED or CANCEL, or WAIT for a run that has ``parked``: it holds what the run
    waits for, and the journal what is needed to go on. A run that is ``lost`` was left to another process, or its
    journal cannot be written: nothing here tells how it ends.
    """

    run_id: str | None
    workflow: str | None
    status: Status
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    jobs: Mapping[str, JobResult] = field(default_factory=dict[str, JobResult], repr=False)
    problems: tuple[Problem, ...] = ()
    logs: tuple[LogLine, ...] = field(default=(), repr=False)
    lost: bool = False
    parked: tuple[Waiting, ...] = ()

    @property
    def wakes(self) -> float | None:
        """When a parked run is to be taken up again, if no answer comes before, in seconds since the epoch."""
        return min((it.wakes for it in self.parked if it.wakes is not None), default=None)

    @property
    def success(self) -> bool:
        """Whether the run ended well."""
        return self.status is Status.SUCCESS

    def as_dict(self) -> dict[str, Any]:
        """Return the run as one JSON object: run_id, workflow, status, outputs, jobs, problems; ``parked`` when it is."""
        parked = [waiting.as_dict() for waiting in self.parked]
        return ({"parked": parked} if parked else {}) | {
            "run_id": self.run_id,
            "workflow": self.workflow,
            "status": self.status.value,
            "outputs": dict(self.outputs),
            "jobs": {name: job.as_dict() for name, job in self.jobs.items()},
            "problems": [problem.as_dict() for problem in self.problems],
        }
