"""Jobs of ddeutil-workflow as ours."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from blockyard_platform.convert.ddeutil.conditions import condition
from blockyard_platform.convert.ddeutil.stages import stages
from blockyard_platform.convert.ddeutil.texts import value
from blockyard_platform.plain import is_list, is_mapping

if TYPE_CHECKING:
    from blockyard_platform.admission.walk import Pointer
    from blockyard_platform.convert.ddeutil.index import Index

_KEYS = frozenset({"name", "desc", "trigger-rule", "retry", "timeout", "outputs"})
_USUAL: Mapping[str, Any] = MappingProxyType({"max-parallel": 1, "fail-fast": False})
"""What a strategy is there unless it says something else; here it is 19, and true."""
_EXACTLY_ONE = frozenset({"one_success", "one_failed"})


def jobs(data: Any, index: Index) -> Any:
    """Return all jobs of a workflow."""
    if not is_mapping(data):
        return data
    found: dict[str, Any] = {}
    for name, job in data.items():
        index.job = name
        if index.jobs[name] != name:
            what = f"the job '{name}' is written '{index.jobs[name]}' here"
            index.findings.differs(("jobs", name), what, "use that name in outputs")
        found[index.jobs[name]] = _job(job, ("jobs", name), index)
    return found


def _job(data: Any, pointer: Pointer, index: Index) -> Any:
    if not is_mapping(data):
        return data
    job: dict[str, Any] = {}
    for key, item in data.items():
        if item is not None and key != "id":
            _put(job, key, item, (*pointer, key), index)
    if "stages" not in job:
        index.findings.differs(
            pointer, "a job without stages is skipped there; here it does nothing", "take it out"
        )
        job["stages"] = []
    return job


def _put(job: dict[str, Any], key: str, item: Any, pointer: Pointer, index: Index) -> None:
    if key == "stages":
        job[key] = stages(item, pointer, index)
    elif key == "if":
        job[key] = condition(item, pointer, index)
    elif key == "needs":
        job[key] = _needs(item, index)
    elif key == "runs-on":
        _runs_on(item, pointer, index)
    elif key == "extras":
        if item:
            what = "extras set the engine's configuration, which a document cannot do here"
            index.findings.lost(pointer, what, "what is to be allowed stands in the policy")
    elif key == "strategy":
        job[key] = _strategy(value(item, pointer, index))
    elif key in _KEYS:
        job[key] = value(item, pointer, index)
        _compare(key, item, pointer, index)
    else:
        what = f"'{key}' is no key of a job; there it is ignored"
        index.findings.lost(pointer, what, "take it out, or correct its spelling")


def _strategy(item: Any) -> Any:
    """Return a strategy with what is taken there for what it leaves out."""
    if not is_mapping(item):
        return item
    return {**item, **{key: usual for key, usual in _USUAL.items() if key not in item}}


def _needs(item: Any, index: Index) -> Any:
    if is_list(item):
        return [index.jobs.get(name, name) if isinstance(name, str) else name for name in item]
    return index.jobs.get(item, item) if isinstance(item, str) else item


def _runs_on(item: Any, pointer: Pointer, index: Index) -> None:
    kind = item.get("type") if is_mapping(item) else item
    if kind == "local":
        return
    index.findings.lost(
        pointer,
        f"a job cannot choose the machine that it runs on ({str(kind)[:40]!r})",
        "take it out; for a container write stages with `image`",
    )


def _compare(key: str, item: Any, pointer: Pointer, index: Index) -> None:
    """Note what a job's key means differently."""
    if key == "trigger-rule" and item in _EXACTLY_ONE:
        index.findings.differs(
            pointer,
            f"'{item}' means exactly one there, and at least one here",
            "test the others in `if` when there must be no more",
        )
    if key in ("timeout", "name", "outputs"):
        what = f"'{key}' of a job is ignored there; here it works"
        index.findings.differs(pointer, what, "take it out to keep what it did")
    if key == "retry" and item:
        index.findings.differs(
            pointer,
            "a job that was tried again fails there even so; here it may succeed",
            "mind it",
        )
