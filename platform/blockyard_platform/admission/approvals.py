"""Approvals: their forms, and how long they wait; and patterns, which forms and params have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.durations import seconds_of
from blockyard_platform.placeholders import has_expression
from blockyard_platform.plain import is_mapping
from blockyard_schemas.forms import check_form
from blockyard_schemas.patterns import MAX_PATTERNS, count_patterns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blockyard_platform.admission.children import Taken
    from blockyard_platform.admission.reporting import Report
    from blockyard_platform.admission.walk import Found


def check_approvals(stages: Sequence[Found], report: Report) -> None:
    """Report forms that no answer could fit, or that would be no forms, and timeouts that cannot be read."""
    for found in stages:
        wait = found.data.get("wait")
        approval = wait.get("approval") if is_mapping(wait) else None
        place = (*found.pointer, "wait", "approval")
        if not is_mapping(approval):
            continue
        if not report.knows(place):
            for said in check_form(approval.get("form"), (*place, "form")):
                report.add(said.rule, said.path, said.message, said.hint)
        timeout = approval.get("timeout")
        if timeout is not None and not has_expression(timeout):
            try:
                seconds_of(timeout)
            except ValueError as error:
                report.add("duration", (*place, "timeout"), f"timeout: {error}")


def check_patterns(
    document: dict[str, Any], stages: Sequence[Found], taken: Taken, report: Report
) -> bool:
    """Report too many patterns of params and forms, with those of documents that were looked at before; say whether they are few enough to be compiled."""
    params = document.get("params")
    declared = list(params.values()) if is_mapping(params) else []
    taken.patterns += count_patterns([*declared, *map(_form, stages)])
    if taken.patterns <= MAX_PATTERNS:
        return True
    report.add(
        "limit",
        (),
        f"the document and what it triggers have {taken.patterns} patterns or more, and {MAX_PATTERNS} are allowed",
        "check texts in a stage",
    )
    return False


def _form(found: Found) -> Any:
    wait = found.data.get("wait")
    approval = wait.get("approval") if is_mapping(wait) else None
    return approval.get("form") if is_mapping(approval) else None
