"""``if`` of a step: a tag, or several that must all hold; there any text but the empty one holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.convert.errors import NoEqualError
from blockyard_platform.convert.pyconduit.tables import TELLS
from blockyard_platform.convert.pyconduit.tags import sole
from blockyard_platform.convert.pyconduit.values import expression
from blockyard_platform.plain import is_list

if TYPE_CHECKING:
    from blockyard_platform.admission.walk import Pointer
    from blockyard_platform.convert.pyconduit.context import Job


def condition(data: Any, pointer: Pointer, job: Job) -> Any:
    """Return our condition; one that has no equal stays as it is written."""
    items: list[Any] = data if is_list(data) else [data]
    try:
        found = [_one(item, pointer, job) for item in items]
    except NoEqualError as error:
        job.findings.lost(pointer, error.what, error.advice)
        return data
    if len(found) == 1 and found[0] in ("True", "False"):
        return found[0] == "True"
    if len(found) == 1:
        return "${{ " + found[0] + " }}"
    return "${{ " + (" and ".join(found) or "True") + " }}"


def _one(item: Any, pointer: Pointer, job: Job) -> str:
    if isinstance(item, bool) or item is None:
        return str(bool(item))
    if not isinstance(item, str):
        raise NoEqualError("a condition that is no text", "write a tag, true or false")
    tag = sole(item)
    if tag is None:
        _note(item, pointer, job)
        return str(bool(item.strip()))
    tells = tag.kind == ":" and len(tag.path) == 1 and job.steps.get(tag.path[0])
    if tells and tells.action in TELLS:
        return expression(tag, pointer, job)
    return f"bool({expression(tag, pointer, job, python=True)})"


def _note(item: str, pointer: Pointer, job: Job) -> None:
    holds = "always holds" if item.strip() else "never holds"
    job.findings.differs(
        pointer,
        f"the condition {item.strip()[:60]!r} is a text, which {holds} there: it is kept so",
        "compare by ${{ params.a == 2 }}, if that is meant",
    )
