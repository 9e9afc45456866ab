"""Steps of a job as stages, with those that read and write the variables around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.convert.pyconduit.blocks import call
from blockyard_platform.convert.pyconduit.conditions import condition
from blockyard_platform.convert.pyconduit.context import changed_variable, step_id
from blockyard_platform.convert.pyconduit.tables import IN_PLACE
from blockyard_platform.plain import is_list, is_mapping

if TYPE_CHECKING:
    from blockyard_platform.admission.walk import Pointer
    from blockyard_platform.convert.pyconduit.context import Job

_KEYS = frozenset({"action", "id", "parameters", "forced", "if"})


def stages(data: Any, pointer: Pointer, job: Job) -> Any:
    """Return the stages for a list of steps; what is no step stays as it is, for the schema to explain."""
    if not is_list(data):
        return data
    found: list[Any] = []
    for place, row in enumerate(data):
        if is_mapping(row):
            found += _stages(row, place, (*pointer, place), job)
            job.done.add(step_id(row, place + 1))
        else:
            found.append(row)
    return found


def _stages(row: dict[str, Any], place: int, pointer: Pointer, job: Job) -> list[Any]:
    for key in row:
        if key not in _KEYS:
            what = f"'{key}' is no key of a step; there it is ignored"
            job.findings.lost((*pointer, key), what, "take it out, or see what stages have")
    step = job.steps[step_id(row, place + 1)]
    if step.written and step.id != str(row.get("id", step.id)):
        what = f"the id '{row['id']}' is written '{step.id}' here"
        job.findings.differs((*pointer, "id"), what, "use that name in outputs")
    job.wanted.clear()
    holds = _condition(row, pointer, job)
    first = _gets(job, {}, always=bool(row.get("forced")))
    before = dict(job.wanted)
    used = call(row, pointer, job)
    around: dict[str, Any] = {} if holds is None else {"if": holds}
    if row.get("forced"):
        around["always"] = True
    second = _gets(job, around, known=before)
    stage = {**({"id": step.id} if step.written else {}), **around, **used}
    return [*first, *second, stage, *_kept(row, step.id, pointer, around, job)]


def _condition(row: dict[str, Any], pointer: Pointer, job: Job) -> Any:
    if row.get("if") is None:
        return None
    return condition(row["if"], (*pointer, "if"), job)


def _gets(
    job: Job,
    around: dict[str, Any],
    *,
    known: dict[str, str] | None = None,
    always: bool = False,
) -> list[Any]:
    """Return a stage for each variable that is read and has none yet."""
    more = {"always": True} if always else around
    return [
        {"id": stage, **more, "uses": "variable.get", "with": {"name": name}}
        for name, stage in job.wanted.items()
        if name not in (known or {})
    ]


def _kept(
    row: dict[str, Any], step: str, pointer: Pointer, around: dict[str, Any], job: Job
) -> list[Any]:
    """Return the stage that writes a variable which the step changes in place there."""
    changed = changed_variable(row)
    if changed is None:
        return []
    name, path = changed
    parameter, inside = IN_PLACE[str(row["action"]).upper()]
    if path:
        job.findings.lost(
            (*pointer, "parameters", parameter),
            f"a part of the variable '{name}' is changed in place",
            "make the whole anew, and put it in by variable.set",
        )
        return []
    result = f"stages.{step}.outputs.result" + (f".{inside}" if inside else "")
    given = {"name": name, "value": "${{ " + result + " }}"}
    return [{"id": job.stages.take(f"set-{step}"), **around, "uses": "variable.set", "with": given}]
