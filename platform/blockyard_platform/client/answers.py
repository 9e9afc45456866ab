"""What an answer means that is not the one that was hoped for."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from pydantic import ValidationError

from blockyard_platform.client import errors
from blockyard_platform.service.api.models.problems import ProblemOut
from blockyard_schemas.problems import Problem

if TYPE_CHECKING:
    from blockyard_platform.client.calls import Answer, Head

TYPE = "urn:blockyard:problem:"
_LONGEST = 2_000
_MOST = 1_000
_BY_RULE: dict[str, type[errors.ProblemError]] = {
    "disabled": errors.DisabledError,
    "not-admitted": errors.NotAdmittedError,
    "quota": errors.QuotaError,
    "throttled": errors.ThrottledError,
}
_BY_STATUS: dict[int, type[errors.ProblemError]] = {
    401: errors.UnauthorizedError,
    403: errors.ForbiddenError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    429: errors.LimitedError,
    503: errors.UnavailableError,
}


def error_of(answer: Answer) -> errors.ClientError:
    """Return the exception for an answer, by its rule, or else by its status."""
    status = answer.status
    if 300 <= status < 400:
        return errors.BadAnswerError(
            f"the server sends elsewhere (status {status}), where the token is not taken to",
            "give the address that the service itself has",
        )
    if not 400 <= status < 600:
        return errors.BadAnswerError(f"the server answered with status {status}")
    found = _document(answer)
    rule = found.type.removeprefix(TYPE)[:60]
    base = _BY_STATUS.get(status, errors.InvalidError if status < 500 else errors.ServerError)
    kind = _BY_RULE.get(rule, base)
    return (kind if issubclass(kind, base) else base)(
        status,
        rule,
        found.detail[:_LONGEST],
        None if found.hint is None else found.hint[:_LONGEST],
        problems=[
            Problem(it.rule, it.pointer, it.message, it.hint, it.line, it.column)
            for it in found.problems[:_MOST]
        ],
        instance=found.instance[:100],
        retry_after=retry_after(answer),
    )


def retry_after(head: Head) -> float | None:
    """Return after how many seconds the server wants to be asked again; None when it does not say so in seconds."""
    said = head.headers.get("retry-after", "")
    return float(said) if said.isascii() and said.isdecimal() and len(said) <= 6 else None


def _document(answer: Answer) -> ProblemOut:
    """Return the problem document, or one for an answer that is none: a proxy's, as a rule."""
    try:
        found = ProblemOut.model_validate_json(answer.body)
    except ValidationError:
        found = None
    if found is not None and found.status == answer.status:
        return found
    try:
        title = HTTPStatus(answer.status).phrase
    except ValueError:
        title = "an unknown status"
    detail = f"status {answer.status} ({title}), and not from the service itself"
    return ProblemOut(
        type="about:blank", title=title, status=answer.status, detail=detail, instance=""
    )
