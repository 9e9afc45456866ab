"""What the names of one workflow stand for: its params, its jobs, and the stages of each job at all depths."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from blockyard_platform.convert.names import renamed
from blockyard_platform.naming import Names
from blockyard_platform.plain import is_list, is_mapping
from blockyard_schemas.kinds import Kind, kind_of

if TYPE_CHECKING:
    from blockyard_platform.convert.findings import Findings

_SETS_RESULT = re.compile(r"(?m)^result\s*(?::[^=\n]+)?=(?!=)")
_TEXT_TYPES = frozenset({"str", "string", "choice", "date", "datetime"})


@dataclass(frozen=True, slots=True)
class Known:
    """A stage that expressions may name: its id here and its kind.

    ``caller`` tells that it uses a caller, not one of our blocks by its name; ``result`` that its code sets that very name.
    """

    id: str
    kind: Kind
    caller: bool = False
    result: bool = False


@dataclass(slots=True)
class Index:
    """The names of a workflow, what they are called here, and the findings of its conversion.

    ``job`` is the job in work, by its name there. ``undeclared`` gathers params that are used and not declared.
    """

    findings: Findings
    params: Mapping[str, str]
    texts: frozenset[str]
    jobs: Mapping[str, str]
    stages: Mapping[str, Mapping[str, Known]]
    job: str = ""
    undeclared: dict[str, str] = field(default_factory=dict[str, str])
    free: Names = field(init=False)

    def __post_init__(self) -> None:
        """Take the names of the declared params."""
        self.free = Names(self.params.values())

    def stage(self, name: str, job: str | None = None) -> Known | None:
        """Return what is known of a stage of a job, by default of the one in work."""
        return self.stages.get(self.job if job is None else job, {}).get(name)


def index_of(workflow: Mapping[str, Any], findings: Findings) -> Index:
    """Return the names of a workflow, whatever its form."""
    params, jobs = workflow.get("params"), workflow.get("jobs")
    declared: dict[str, Any] = params if is_mapping(params) else {}
    found: dict[str, Any] = jobs if is_mapping(jobs) else {}
    return Index(
        findings=findings,
        params=renamed(declared, "p"),
        texts=frozenset(name for name, each in declared.items() if _is_text(each)),
        jobs=renamed(found, "job"),
        stages={name: _known(job) for name, job in found.items()},
    )


def _is_text(declared: Any) -> bool:
    kind = declared.get("type") if is_mapping(declared) else declared
    return kind in _TEXT_TYPES if isinstance(kind, str) else False


def _known(job: Any) -> dict[str, Known]:
    stages = [it for it in _stages(job) if isinstance(it.get("id"), str) and "${{" not in it["id"]]
    ids = renamed((it["id"] for it in stages), "stage")
    return {it["id"]: _stage(it, ids[it["id"]]) for it in stages}


def _stage(stage: Mapping[str, Any], name: str) -> Known:
    caller = "/" in str(stage.get("uses", ""))
    return Known(name, kind_of(stage) or Kind.EMPTY, caller, _sets_result(stage))


def _sets_result(stage: Mapping[str, Any]) -> bool:
    code = stage.get("run")
    return isinstance(code, str) and bool(_SETS_RESULT.search(code))


def _stages(value: Any) -> Iterator[dict[str, Any]]:
    """Yield each stage of a job, at any depth, without trusting its form."""
    if is_list(value):
        for item in value:
            if is_mapping(item):
                yield item
            yield from _stages(item)
    elif is_mapping(value):
        for key in ("stages", "else", "match", "try", "catch", "finally"):
            yield from _stages(value.get(key))
        branches = value.get("parallel")
        for branch in branches.values() if is_mapping(branches) else ():
            yield from _stages(branch)
