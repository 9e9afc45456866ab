"""A job of pyconduit, from its outline to our document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.convert import Converted
from blockyard_platform.convert.findings import Findings
from blockyard_platform.convert.names import slug
from blockyard_platform.convert.pyconduit.context import Job, changes_variables, steps_of
from blockyard_platform.convert.pyconduit.steps import stages
from blockyard_platform.convert.pyconduit.tables import HOST
from blockyard_platform.convert.pyconduit.tags import tags_of
from blockyard_platform.convert.pyconduit.values import escaped
from blockyard_platform.naming import Names
from blockyard_platform.plain import is_list, is_mapping
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from blockyard_platform.admission.walk import Pointer
    from blockyard_schemas.reader import Source

_TYPES = {
    "str": "string",
    "bool": "boolean",
    "int": "number",
    "float": "number",
    "list": "array",
    "dict": "object",
}
_KEYS = frozenset({"id", "name", "variables", "local_values", "steps"})


def convert_job(source: Source, name: str) -> Converted:
    """Return our document; a list is the steps of a job. Raises InvalidDocumentError when there are none."""
    data, pointer = _outline(source.data)
    findings = Findings(source)
    steps = data["steps"]
    named = steps_of(steps)
    job = Job(
        findings=findings,
        name=_name(data, name),
        id=data.get("id"),
        steps=named,
        live=changes_variables(steps),
        stages=Names(step.id for step in named.values()),
    )
    for key, item in data.items():
        if key not in _KEYS and item not in (None, [], {}):
            advice = HOST.get(key, "take it out: there it is ignored")
            findings.lost((key,), f"'{key}' of a job has no equal in a document", advice)
    _declare(data.get("local_values"), "<", ("local_values",), job)
    begun = _variables(data.get("variables"), job)
    found = stages(steps, pointer, job)
    document: dict[str, Any] = {"name": job.name}
    if job.params:
        document["params"] = job.params
    document["stages"] = [*begun, *found] if is_list(found) else found
    return Converted(document, findings.all())


def _outline(data: Any) -> tuple[dict[str, Any], Pointer]:
    if is_list(data):
        return {"steps": data}, ()
    if is_mapping(data) and is_list(data.get("steps")):
        return data, ("steps",)
    hint = "a job is {name: ..., steps: [{action: ..., parameters: {...}}]}, or the list of steps"
    raise InvalidDocumentError([Problem("outline", "", "there are no steps in it", hint)])


def _name(data: dict[str, Any], usual: str) -> str:
    for key in ("name", "id"):
        if data.get(key):
            return str(data[key])
    return usual


def _declare(values: Any, kind: str, pointer: Pointer, job: Job) -> None:
    """Declare values that the document gives as params with a default."""
    for name, item in values.items() if is_mapping(values) else ():
        kinds = {"type": _TYPES.get(type(item).__name__, "any")}
        found = job.param(kind, name, {**kinds, "default": item})
        if found != name:
            what = f"'{name}' is the param '{found}' here"
            job.findings.differs((*pointer, name), what, "give it by that name")
        _check_data(item, (*pointer, name), job)


def _variables(values: Any, job: Job) -> list[Any]:
    """Return the stages that set the variables; without a step that changes one they are params."""
    if not job.live:
        _declare(values, "#", ("variables",), job)
        return []
    found: list[Any] = []
    for name, item in values.items() if is_mapping(values) else ():
        _check_data(item, ("variables", name), job)
        given = {"name": name, "value": escaped(item)}
        stage = job.stages.take(f"set-{slug(name, 'v')}")
        found.append({"id": stage, "uses": "variable.set", "with": given})
    return found


def _check_data(item: Any, pointer: Pointer, job: Job) -> None:
    if any(True for _ in tags_of(item)):
        what = (
            "a tag in a value is evaluated there when the value stands in a text; here it is text"
        )
        job.findings.differs(pointer, what, "write what it stands for")
