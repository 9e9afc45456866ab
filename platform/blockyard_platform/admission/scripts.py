"""What can be known of scripts before they run: packages, interpreter and hosts against the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform import packages
from blockyard_platform.errors import StageFailureError
from blockyard_platform.placeholders import has_expression
from blockyard_platform.plain import is_list
from blockyard_schemas.kinds import Kind, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blockyard_platform.admission.reporting import Report
    from blockyard_platform.admission.walk import Found
    from blockyard_schemas.policy import Policy


def check_scripts(stages: Sequence[Found], policy: Policy, report: Report) -> None:
    """Report packages and hosts that the policy forbids (FORBIDDEN_PACKAGE 132, FORBIDDEN_HOST 133), and forms that cannot be."""
    for found in stages:
        kind = kind_of(found.data)
        if kind not in policy.stages:
            continue
        if kind is Kind.VIRTUAL:
            _check_each(found, "deps", report, lambda it: packages.requirement_of(it, policy))
            if found.data.get("python") is not None:
                place = (*found.pointer, "python")
                _report(place, found.data["python"], report, _python(policy))
        if kind in (Kind.VIRTUAL, Kind.BASH):
            _check_each(found, "hosts", report, lambda it: packages.hosts_of([it], policy))


def _python(policy: Policy) -> Callable[[Any], Any]:
    return lambda it: packages.python_of(it, policy)


def _check_each(found: Found, key: str, report: Report, read: Callable[[Any], Any]) -> None:
    values = found.data.get(key)
    for index, value in enumerate(values if is_list(values) else ()):
        if key == "hosts" and isinstance(value, str) and has_expression(value):
            continue  # it is checked when it is known
        _report((*found.pointer, key, index), value, report, read)


def _report(
    place: tuple[str | int, ...], value: Any, report: Report, read: Callable[[Any], Any]
) -> None:
    if isinstance(value, str) and has_expression(value):
        report.add(
            "expression",
            place,
            "packages and interpreters are written out, so that they can be checked and locked",
            "take the expression out",
        )
        return
    try:
        read(value)
    except StageFailureError as error:
        if not report.knows(place):
            rule = error.code.name if error.code.name.startswith("FORBIDDEN_") else "script"
            report.add(rule, place, error.message)
