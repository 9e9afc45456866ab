"""Expressions of a document, checked by their text alone: form, names, params and stages that they refer to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from blockyard_platform.admission.before import Before
from blockyard_platform.admission.reporting import GuestText
from blockyard_platform.admission.walk import Found, Pointer, Row, ended, inner_rows, sees
from blockyard_platform.errors import ExpressionError
from blockyard_platform.expressions import parse
from blockyard_platform.lookup import filtered
from blockyard_platform.placeholders import has_expression, pieces, texts
from blockyard_platform.plain import is_list, is_mapping
from blockyard_platform.syntax import GuestExpression, Literal, Path, Piped
from blockyard_schemas.kinds import spellings
from blockyard_schemas.nearest import nearest

if TYPE_CHECKING:
    from blockyard_platform.admission.reporting import Report

EVERYWHERE = frozenset({"params", "stages", "jobs", "retry", "run"})
"""Names that expressions know in each stage."""

UNREAD = frozenset(
    {
        "id",
        "name",
        "desc",
        "run",
        "bash",
        "trigger",
        "stages",
        "match",
        "parallel",
        "try",
        "catch",
        "finally",
    }
)
"""Keys of a stage whose texts are no templates: labels, code, and nested stages, which are checked by themselves."""

_RECORD = ("status", "code", "outputs", "error")
_JOB = ("status", "stages", "outputs", "error", "matrix")


@dataclass(frozen=True, slots=True)
class Where:
    """What an expression sees: the stages before one place of a row, some names beside the usual, and jobs."""

    row: Row
    index: int
    names: frozenset[str]
    params: Any
    jobs: Before


def check_stage(found: Found, params: Any, jobs: Before, report: Report) -> None:
    """Report every expression of a stage that is not well formed or refers to what is not there."""
    where = Where(found.row, found.index, EVERYWHERE | found.row.names, params, jobs)
    for key, value in found.data.items():
        if key not in UNREAD and key != "until":
            check_texts(value, (*found.pointer, key), where, report)
    _check_matches(found, where, report)
    _check_until(found, where, report)
    for key in spellings("if"):
        check_condition(found.data, found.pointer, key, report)
    for key, way in (("run", "vars"), ("bash", "env")):
        if has_expression(found.data.get(key)):
            _no_template(found, key, way, report)


def _no_template(found: Found, key: str, way: str, report: Report) -> None:
    use = "x in the code" if key == "run" else '"$x" in the script'
    report.add(
        "expression",
        (*found.pointer, key),
        "code is never a template: ${{ }} in it would not be replaced",
        f"hand the value over by {way}, as in {way}: {{x: ${{{{ params.x }}}}}}, and use {use}",
    )


def check_outputs(value: Any, row: Row, params: Any, jobs: Before, report: Report) -> None:
    """Report what is wrong with the expressions of the document's outputs; ``row`` holds the stages of its only job."""
    where = Where(row, len(row.stages), EVERYWHERE, params, jobs)
    check_texts(value, ("outputs",), where, report)


def _check_matches(found: Found, where: Where, report: Report) -> None:
    match = found.data.get("match")
    if not is_list(match):
        return
    inside = replace(where, names=where.names | {"case"})
    for index, entry in enumerate(match):
        if is_mapping(entry) and "case" in entry:
            check_texts(entry["case"], (*found.pointer, "match", index, "case"), inside, report)


def _check_until(found: Found, where: Where, report: Report) -> None:
    """Check the condition of an until, which sees the stages of its loop."""
    for row in inner_rows(found) if "until" in found.data else ():
        inside = Where(row, len(row.stages), where.names | row.names, where.params, where.jobs)
        check_texts(found.data["until"], (*found.pointer, "until"), inside, report)
        check_condition(found.data, found.pointer, "until", report)


def check_condition(data: dict[str, Any], pointer: Pointer, key: str, report: Report) -> None:
    """Check that a condition is one expression: half of a comparison outside of it is always true."""
    text = data.get(key)
    if not isinstance(text, str) or text.strip().lower() in ("true", "false"):
        return
    try:
        parts = list(pieces(text.strip()))
    except ExpressionError:
        return
    if len(parts) != 1 or parts[0][0]:
        report.add(
            "expression",
            (*pointer, key),
            f"the condition {text.strip()[:60]!r} is not one expression",
            "put the whole comparison between the braces: ${{ params.a == 'b' }}",
        )


def check_texts(value: Any, pointer: Pointer, where: Where, report: Report) -> None:
    """Report each expression in a value that is not well formed or refers to what is not there."""
    for text, place in texts(value, pointer):
        try:
            for literal, source in pieces(text):
                if not literal and _check_expression(source, where):
                    report.guest_texts.append(GuestText("expression", place, source))
        except ExpressionError as error:
            report.add(error.rule, place, str(error), error.hint)


def _check_expression(source: str, where: Where) -> bool:
    """Check what can be known of an expression here; return whether a guest knows more."""
    expression = parse(source)
    if isinstance(expression, Piped) and isinstance(expression.value, Path):
        _check_path(expression.value, where)
    elif isinstance(expression, Path):
        _check_path(expression, where)
    elif isinstance(expression, GuestExpression):
        _check_hyphens(expression, where.row, where.index)
    elif isinstance(expression, Literal):
        filtered(expression.value, expression.filters)  # as its plan does, which nothing catches
    return isinstance(expression, GuestExpression)


def _check_path(path: Path, where: Where) -> None:
    known, params = where.names, where.params
    if path.root not in known:
        raise ExpressionError(
            f"'{path.root}' has no value here",
            f"names that are known here: {', '.join(sorted(known))}",
            "unknown-name",
        )
    if not path.steps or path.steps[0].optional:
        return
    key = str(path.steps[0].key)
    if path.root == "params" and (params is None or is_mapping(params)):
        _check_param(key, params or {})
    if path.root == "jobs":
        _check_job(path, key, where.jobs)
    if path.root == "stages":
        _check_reference(path, key, where.row, where.index)


def _check_param(key: str, params: dict[str, Any]) -> None:
    if key in params:
        return
    near = nearest(key, params)
    hint = f"did you mean '{near}'?" if near else f"declare it: params: {{{key}: string}}"
    if "-" in key:
        hint += " A subtraction takes spaces around the minus."
    raise ExpressionError(f"the document declares no param '{key}'", hint, "unknown-name")


def _check_job(path: Path, key: str, jobs: Before) -> None:
    if key not in jobs.names:
        if key in jobs.all:
            message = f"the job '{key}' need not have ended when this one begins"
            raise ExpressionError(message, f"add it to the job: needs: [{key}]", "unknown-job")
        near = nearest(key, jobs.names)
        known = ", ".join(sorted(jobs.names)) or "none"
        hint = f"did you mean '{near}'?" if near else f"jobs that have ended by then: {known}"
        raise ExpressionError(f"there is no job '{key}'", hint, "unknown-job")
    if len(path.steps) > 1 and path.steps[1].key not in _JOB:
        field = str(path.steps[1].key)
        near = nearest(field, _JOB)
        hint = f"did you mean '{near}'?" if near else f"did you mean 'outputs.{field}'?"
        message = f"the result of a job has no '{field}': it has {', '.join(_JOB)}"
        raise ExpressionError(message, hint, "unknown-name")


def _check_reference(path: Path, key: str, row: Row, index: int) -> None:
    if not sees(row, index, key):
        raise _unseen(key, row, index)
    if len(path.steps) > 1 and path.steps[1].key not in _RECORD:
        field = str(path.steps[1].key)
        near = nearest(field, _RECORD)
        hint = f"did you mean '{near}'?" if near else f"did you mean 'outputs.{field}'?"
        raise ExpressionError(
            f"the record of a stage has no '{field}': it has {', '.join(_RECORD)}",
            hint,
            "unknown-name",
        )


def _unseen(key: str, row: Row, index: int) -> ExpressionError:
    if key in row.ids:
        message = f"the stage '{key}' comes later, so that it has no record here"
        return ExpressionError(message, "refer to a stage that stands above", "unknown-stage")
    known = ended(row, index)
    near = nearest(key, known)
    hint = f"did you mean '{near}'?" if near else _listed(known)
    return ExpressionError(f"no stage '{key}' has run when this one begins", hint, "unknown-stage")


def _listed(known: list[str]) -> str:
    if not known:
        return "refer to a stage that stands above; there is none"
    return f"stages that have run by then: {', '.join(known[:8])}" + (
        ", ..." if len(known) > 8 else ""
    )


def _check_hyphens(expression: GuestExpression, row: Row, index: int) -> None:
    """In an expression that is no path, ``stages.read-csv`` would mean a subtraction."""
    for root, key in expression.needs:
        if root != "stages" or key is None or sees(row, index, key):
            continue
        meant = next((name for name in ended(row, index) if name.startswith(f"{key}-")), None)
        if meant is not None and f"{key}-" in expression.text:
            raise ExpressionError(
                f"'stages.{meant}' means a subtraction in an expression that is more than a path",
                f"write stages['{meant}']",
            )
