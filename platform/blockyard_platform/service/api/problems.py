"""Errors as problem documents (RFC 9457): the one place where they become HTTP."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from blockyard_platform.secrets.errors import SecretValueError
from blockyard_platform.service.api.validating import problems_of
from blockyard_platform.service.dispatch.port import DispatchError
from blockyard_platform.service.registry.errors import (
    AuthenticationError,
    ConflictError,
    DisabledError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    QuotaError,
)
from blockyard_platform.service.runs.orders import RefusedError
from blockyard_platform.store.errors import StoreError
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI
    from starlette.requests import Request

TYPE = "urn:blockyard:problem:"
MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger("blockyard.api")
_LATER = {"Retry-After": "5"}

_STATUSES: dict[type[StoreError], int] = {
    AuthenticationError: 401,
    ForbiddenError: 403,
    DisabledError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    QuotaError: 429,
    InvalidError: 422,
}
_RULES = {
    400: "bad-request",
    404: "not-found",
    405: "method",
    408: "timeout",
    413: "size",
    414: "size",
    415: "media-type",
    422: "invalid",
    429: "throttled",
    500: "internal",
    503: "store",
}
_TITLES = {
    400: "The request cannot be read",
    401: "A token is needed",
    403: "This is not allowed",
    404: "There is no such thing",
    405: "This cannot be done here",
    408: "The request took too long",
    409: "Something stands in the way",
    413: "The body is too long",
    414: "The address is too long",
    415: "The body is of another type",
    422: "The request is not valid",
    429: "It is too much for now",
    500: "Something went wrong",
    503: "The service cannot do this now",
}


class RefusedRequestError(Exception):
    """A request that the API itself does not take."""

    def __init__(
        self,
        status: int,
        detail: str,
        hint: str | None = None,
        *,
        rule: str | None = None,
        headers: Mapping[str, str] | None = None,
        problems: Sequence[Problem] = (),
    ) -> None:
        """Say with which status, and why."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.hint = hint
        self.rule = rule or _RULES[status]
        self.headers = dict(headers or {})
        self.problems = tuple(problems)


def answer(
    request: Request,
    status: int,
    rule: str,
    detail: str,
    hint: str | None = None,
    *,
    problems: Sequence[Problem] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return a problem document."""
    body: dict[str, Any] = {
        "type": f"{TYPE}{rule.lower()}",
        "title": _TITLES.get(status) or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": f"urn:uuid:{request.scope.get('blockyard.request', '')}",
    }
    if hint is not None:
        body["hint"] = hint
    if problems:
        body["problems"] = [each.as_dict() for each in problems]
    return JSONResponse(body, status, dict(headers or {}), MEDIA_TYPE)


def handle_errors(app: FastAPI) -> None:
    """Have every error answered with a problem document."""
    app.add_exception_handler(InvalidDocumentError, _document)
    app.add_exception_handler(RefusedRequestError, _refused)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(DispatchError, _away)
    app.add_exception_handler(SecretValueError, _secret)
    app.add_exception_handler(HTTPException, _http)


def unexpected(request: Request, error: Exception) -> JSONResponse:
    """Return what is told of an error that nobody has foreseen: no more than the id under which the log has it."""
    _LOG.error("request %s failed", request.scope.get("blockyard.request"), exc_info=error)
    detail = "something went wrong on our side"
    return answer(request, 500, "internal", detail, "give an admin the `instance` of this answer")


async def _document(request: Request, error: Exception) -> JSONResponse:
    """Answer what the registry refuses (one problem with a rule of its own), and documents that are not valid."""
    assert isinstance(error, InvalidDocumentError)  # noqa: S101  (what it is registered for)
    if isinstance(error, RefusedError):
        return answer(request, 422, "not-admitted", str(error), problems=error.found)
    if not isinstance(error, StoreError):
        first = str(error)
        return answer(request, 422, "document", first, problems=error.problems)
    status = next((it for kind, it in _STATUSES.items() if isinstance(error, kind)), 503)
    problem = error.problems[0]
    if status == 503:
        return await _away(request, error)
    headers = None
    if status == 401:
        headers = {"WWW-Authenticate": _challenge(request)}
    return answer(request, status, problem.rule, problem.message, problem.hint, headers=headers)


async def _away(request: Request, error: Exception) -> JSONResponse:
    _LOG.error("request %s: %s", request.scope.get("blockyard.request"), error)
    return answer(request, 503, "store", "the database cannot be used now", headers=_LATER)


def _challenge(request: Request) -> str:
    given = "authorization" in request.headers
    return 'Bearer realm="blockyard"' + (', error="invalid_token"' if given else "")


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RefusedRequestError)  # noqa: S101
    return answer(
        request,
        error.status,
        error.rule,
        error.detail,
        error.hint,
        problems=error.problems,
        headers=error.headers,
    )


async def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    problems = problems_of(request, error)
    return answer(request, 422, "invalid", problems[0].message, problems=problems)


async def _secret(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SecretValueError)  # noqa: S101
    return answer(request, 422, "invalid", str(error), error.hint)


async def _http(request: Request, error: Exception) -> JSONResponse:
    """Answer what the framework says: no such route, another method."""
    assert isinstance(error, HTTPException)  # noqa: S101
    status = error.status_code
    if status == 404:
        return answer(request, 404, "not-found", "there is nothing at this path")
    if status == 405:
        detail = f"{request.method[:20]} is not possible here"
        return answer(request, 405, "method", detail, headers={"Allow": _allowed(request)})
    return answer(request, status, _RULES.get(status, "http"), HTTPStatus(status).phrase)


def _allowed(request: Request) -> str:
    """Return all methods of a path, which several routes may share."""
    path = request.scope["path"]
    found: set[str] = set()
    for route in request.app.routes:
        if route.path_regex.match(path):
            found |= route.methods
    return ", ".join(sorted(found))
