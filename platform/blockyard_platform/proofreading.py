"""What a guest says of the Python in a document, which it compiles and does not run.

Admission does not look into it: a tenant's code is parsed in the jail alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.admission import Admission, admit
from blockyard_platform.admission.reporting import Report
from blockyard_platform.engine.guests import Guests
from blockyard_platform.errors import StageFailureError, wrong_form
from blockyard_platform.glance import needs_guest
from blockyard_platform.loading import load_document
from blockyard_platform.plain import is_list, is_mapping
from blockyard_schemas.problems import Problem, pointer_of
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blockyard_platform.admission.reporting import GuestText
    from blockyard_platform.engine.house import House
    from blockyard_platform.loading import Document
    from blockyard_schemas.reader import Source


async def proofread(document: Document, house: House) -> Admission:
    """Admit a document, and add what a guest finds in its Python: RESTRICTED_CODE in code, ``expression`` in expressions.

    Raises InvalidDocumentError when it cannot be read, SandboxUnavailableError when a guest is needed and cannot be had.
    """
    source = load_document(document, house.document_bytes)
    if needs_guest(source.data):
        house.warm()
    admission = admit(source, house.policy, house.catalog, house.workflows, house.secrets)
    report = Report(source)
    report.problems += admission.problems
    unread = [it for it in admission.guest_texts if not report.knows(it.pointer)]
    if unread:
        await house.sandbox()
        report.problems += await _compiled(unread, source, house)
    if len(report.problems) == len(admission.problems):
        return admission
    return Admission(None, report.sorted())


async def _compiled(texts: Sequence[GuestText], source: Source, house: House) -> list[Problem]:
    """Return what a guest finds in each text, within the limits that a run has."""
    guests, problems = Guests(house), list[Problem]()
    try:
        for it in texts:
            try:
                answer = await guests.ask("check", {it.form: it.text})
                problems += [_problem(it, found, source) for found in _findings(answer)]
            except StageFailureError as error:
                found = {"line": None, "message": error.message, "text": None}
                problems.append(_problem(it, found, source, error.code))
                if error.final:
                    break
    finally:
        await guests.close()
    return problems


def _findings(answer: Any) -> list[dict[str, Any]]:
    """Return the findings of a guest's answer; raise StageFailureError when it has not their form."""
    errors = answer.get("errors") if is_mapping(answer) else None
    if not is_list(errors) or not all(is_mapping(it) and _is_finding(it) for it in errors):
        raise wrong_form()
    return errors


def _is_finding(found: dict[str, Any]) -> bool:
    line, text = found.get("line"), found.get("text")
    return (
        (line is None or (type(line) is int and line > 0))
        and isinstance(found.get("message"), str)
        and (text is None or isinstance(text, str))
    )


def _problem(
    at: GuestText, found: dict[str, Any], source: Source, code: Code = Code.RESTRICTED_CODE
) -> Problem:
    pointer = pointer_of(at.pointer)
    if at.form == "expression":
        shown = at.text.strip()
        message = f"the expression {shown[:60]!r}: {found['message']}"
        rule = "expression" if code is Code.RESTRICTED_CODE else code.name
        place = source.locate_line(pointer, 1, shown.split("\n")[0])
    else:
        line, text = found["line"], found["text"] or ""
        message = (
            found["message"] if line is None else f"line {line} of the code: {found['message']}"
        )
        rule, place = code.name, source.locate_line(pointer, line or 1, text)
    return Problem(rule, pointer, message, None, *(place or (None, None)))
