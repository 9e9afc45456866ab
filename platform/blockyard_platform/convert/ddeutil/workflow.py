"""A file of ddeutil-workflow, from its outline to our document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.convert import Converted
from blockyard_platform.convert.ddeutil.index import Index, index_of
from blockyard_platform.convert.ddeutil.jobs import jobs
from blockyard_platform.convert.ddeutil.params import params, undeclared
from blockyard_platform.convert.ddeutil.triggers import triggers
from blockyard_platform.convert.findings import Findings
from blockyard_platform.plain import is_mapping
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_schemas.reader import Source

_ADVICE = {
    "tags": "labels of workflows have no equal: say them in `desc`",
    "extras": "a document cannot set the engine's configuration: what is allowed stands in the policy",
    "created_at": "times of a file are kept by your version control: take it out",
    "updated_dt": "times of a file are kept by your version control: take it out",
    "updated_at": "times of a file are kept by your version control: take it out",
}


def convert_workflow(source: Source, name: str) -> Converted:
    """Return our document; raise InvalidDocumentError when the file does not hold one workflow."""
    outer, key = _outline(source.data)
    workflow = outer if key is None else outer[key]
    findings = Findings(source, () if key is None else (key,))
    index = index_of(workflow, findings)
    document: dict[str, Any] = {"name": _name(workflow, key or name)}
    for each, item in workflow.items():
        _put(document, each, item, index)
    if index.undeclared:
        known = document.get("params")
        more = undeclared(index)
        document["params"] = {**known, **more} if is_mapping(known) else more
    document.setdefault("jobs", {})
    return Converted(_ordered(document), findings.all())


def _outline(data: Any) -> tuple[Mapping[str, Any], str | None]:
    if is_mapping(data) and "jobs" in data:
        return data, None
    found = [key for key, it in data.items() if is_mapping(it)] if is_mapping(data) else []
    workflows = [key for key in found if data[key].get("type") == "Workflow"]
    if len(workflows) != 1 or len(data) != 1:
        many = f"it holds {len(workflows)} workflows" if workflows else "there is no workflow in it"
        hint = "give one file for each, of the form `name: {type: Workflow, jobs: {...}}`"
        raise InvalidDocumentError([Problem("outline", "", many, hint)])
    return data, workflows[0]


def _name(workflow: Mapping[str, Any], usual: str) -> str:
    given = workflow.get("name")
    return given if isinstance(given, str) and given else usual


def _put(document: dict[str, Any], key: str, item: Any, index: Index) -> None:
    if key in ("name", "type") or item is None:
        return
    if key == "desc":
        document[key] = item
    elif key == "params":
        document[key] = params(item, index)
    elif key == "on":
        found = triggers(item, index)
        if found:
            document[key] = found
    elif key == "jobs":
        document[key] = jobs(item, index)
    elif item:
        advice = _ADVICE.get(key, "take it out, or correct its spelling")
        index.findings.lost((key,), f"'{key}' of a workflow has no equal", advice)


def _ordered(document: dict[str, Any]) -> dict[str, Any]:
    order = ("name", "desc", "params", "on", "jobs")
    return {key: document[key] for key in order if key in document}
