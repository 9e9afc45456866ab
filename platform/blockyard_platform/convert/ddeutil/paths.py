"""Paths of ddeutil-workflow's expressions (``stages.a.outputs.x?.y``) as ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from blockyard_platform.convert.errors import NoEqualError
from blockyard_platform.convert.names import slug
from blockyard_platform.convert.paths import Part
from blockyard_schemas.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blockyard_platform.convert.ddeutil.index import Index, Known

ROOTS = ("params", "jobs", "stages", "matrix", "item", "loop", "branch", "case", "retry")
_PART = re.compile(r"([A-Za-z0-9_-]+)(\??)")
_DOCUMENTED = "take it out; what a run leaves stands in its result"


def read_path(text: str) -> tuple[Part, ...]:
    """Return the parts of a path as it is written there."""
    return tuple(Part(name, bool(mark)) for name, mark in _PART.findall(text))


def translated(parts: Sequence[Part], index: Index) -> list[Part]:
    """Return the path that leads to the same value here; raise NoEqualError when none does."""
    root = parts[0]
    if root.name == "release":
        raise NoEqualError(
            "the release of a run (logical date, execution date, metadata) has no equal",
            "declare a param for the date, and give it when the workflow is started",
        )
    if root.name not in ROOTS:
        raise NoEqualError(
            f"'{root.name}' is not a name that expressions know here",
            f"names: {', '.join(ROOTS)}",
        )
    if root.name == "params" and len(parts) > 1:
        return [root, Part(_param(parts[1].name, index), parts[1].optional), *parts[2:]]
    if root.name == "jobs" and len(parts) > 1:
        job = parts[1].name
        name = Part(index.jobs.get(job, job), parts[1].optional)
        return [root, name, *_of_job(parts[2:], index, job)]
    return _of_record(parts, index, index.job) if root.name == "stages" else list(parts)


def _param(name: str, index: Index) -> str:
    if name in index.params:
        return index.params[name]
    if name not in index.undeclared:
        index.undeclared[name] = index.free.take(slug(name, "p"))
    return index.undeclared[name]


def _of_job(parts: Sequence[Part], index: Index, job: str) -> list[Part]:
    if parts and parts[0].name == "strategies":
        raise NoEqualError(
            f"the outputs of one strategy of the job '{job}', by the hash of its values, have no equal",
            "the combinations of a matrix stand in their order here: jobs.NAME.matrix[0].outputs.KEY",
        )
    if parts and parts[0].name == "errors":
        return [Part("error", parts[0].optional), *parts[1:]]
    if parts and parts[0].name in ("info", "matrix"):
        raise NoEqualError(f"a job here has no '{parts[0].name}'", _DOCUMENTED)
    return _of_record(parts, index, job)


def _of_record(parts: Sequence[Part], index: Index, job: str) -> list[Part]:
    """Translate every ``stages.ID.outputs.KEY`` of a path, at any depth."""
    found: list[Part] = []
    position = 0
    while position < len(parts):
        found.append(parts[position])
        position += 1
        if found[-1].name != "stages" or position == len(parts):
            continue
        stage = index.stage(parts[position].name, job)
        name = parts[position].name if stage is None else stage.id
        found.append(Part(name, parts[position].optional))
        field, rest = parts[position + 1 : position + 2], parts[position + 2 :]
        more = _field(field, rest, stage)
        position += 1 + len(field)
        found += more
    return found


def _field(field: Sequence[Part], rest: Sequence[Part], stage: Known | None) -> list[Part]:
    if not field:
        return []
    if field[0].name == "errors":
        return [Part("error", field[0].optional)]
    if field[0].name == "info":
        raise NoEqualError("the times of a stage ('info') are not read by expressions", _DOCUMENTED)
    if field[0].name != "outputs" or stage is None or not rest:
        return list(field)
    key = rest[0].name
    if stage.caller:
        return [field[0], Part("result")]
    if stage.kind is Kind.TRIGGER and key in ("jobs", "params"):
        raise NoEqualError(
            f"the {key} of the triggered workflow are not in the outputs of '{stage.id}'",
            "name the value in the `outputs` of that workflow, and read it by that name",
        )
    if stage.kind is Kind.PARALLEL and key == "workers":
        raise NoEqualError("the number of workers is not an output of a parallel", _DOCUMENTED)
    if stage.result and key != "result":
        raise NoEqualError(
            f"the code of '{stage.id}' sets `result`, which is then its one output: '{key}' is none",
            f"put '{key}' into the result, or call the variable `result` something else",
        )
    return list(field)
