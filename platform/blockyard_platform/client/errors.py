"""What can go wrong with a call, as exceptions with fields.

ClientError
├── UsageError           the call cannot be made: an address, a name, a token that cannot be one (a ValueError, too)
├── UnreachableError     the server was not reached, or the answer did not come
├── BadAnswerError       what came is no answer of this API: too long, no JSON, a redirect
├── ProblemError         the server says no: a problem document (RFC 9457)
│   ├── UnauthorizedError    401: the token is not valid
│   ├── ForbiddenError       403: the token's role or scopes do not allow it
│   │   └── DisabledError    the tenant is switched off
│   ├── NotFoundError        404
│   ├── ConflictError        409
│   ├── InvalidError         422, and any other 4xx: the request
│   │   └── NotAdmittedError     the document or the params are not admitted; ``problems`` says why
│   ├── LimitedError         429
│   │   ├── QuotaError           the tenant has used up what it has
│   │   └── ThrottledError       too much at once: again after ``retry_after`` seconds
│   └── ServerError          5xx
│       └── UnavailableError     503
├── RunFailedError       a run whose result was wanted has failed or was cancelled; ``run`` is what became of it
└── NotEndedError        a run has not ended in the time that was given; ``run`` is where it is
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blockyard_platform.service.api.models.runs import RunOut
    from blockyard_schemas.problems import Problem


class ClientError(Exception):
    """Anything that the client raises. ``hint`` says what to do, where that is known."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        """Say what is wrong."""
        super().__init__(message if hint is None else f"{message}; {hint}")
        self.message = message
        self.hint = hint


class UsageError(ClientError, ValueError):
    """A call that cannot be made; nothing was sent."""


class UnreachableError(ClientError):
    """No answer. ``sent`` says whether the server may have done what was asked, ``hopeless`` that to try again is no use."""

    def __init__(
        self, message: str, hint: str | None = None, *, sent: bool = True, hopeless: bool = False
    ) -> None:
        """Say what came in between."""
        super().__init__(message, hint)
        self.sent = sent
        self.hopeless = hopeless


class BadAnswerError(ClientError):
    """An answer that this API does not give: another server, or one of another version."""


class ProblemError(ClientError):
    """What the server says is wrong. ``rule`` is the kind, ``instance`` is what the server's log knows the answer by."""

    def __init__(
        self,
        status: int,
        rule: str,
        detail: str,
        hint: str | None = None,
        *,
        problems: Sequence[Problem] = (),
        instance: str = "",
        retry_after: float | None = None,
    ) -> None:
        """Keep the fields of the document."""
        super().__init__(detail, hint)
        self.status = status
        self.rule = rule
        self.detail = detail
        self.problems = tuple(problems)
        self.instance = instance
        self.retry_after = retry_after


class UnauthorizedError(ProblemError):
    """The token is missing, unknown, expired or revoked."""


class ForbiddenError(ProblemError):
    """The token's role or scopes do not allow it."""


class DisabledError(ForbiddenError):
    """The tenant is switched off."""


class NotFoundError(ProblemError):
    """There is no such thing, or none that the token's holder may know of."""


class ConflictError(ProblemError):
    """There is one already, or it is not in a state for this."""


class InvalidError(ProblemError):
    """The request is not one that can be done."""


class NotAdmittedError(InvalidError):
    """The policy or the schema stands against the document or its params; ``problems`` has each reason."""


class LimitedError(ProblemError):
    """No more now."""


class QuotaError(LimitedError):
    """The tenant has used up its quota, or has too much under way."""


class ThrottledError(LimitedError):
    """Too much at once."""


class ServerError(ProblemError):
    """Something went wrong on the server."""


class UnavailableError(ServerError):
    """The server cannot do it now."""


class RunFailedError(ClientError):
    """A run has not succeeded."""

    def __init__(self, run: RunOut, stages: Sequence[str] = ()) -> None:
        """Name the run, and say how it ended, and why: by its problems, and by what is known of stages that failed."""
        problems = [str(each.get("message", "")) for each in run.problems[:3]]
        reasons = "; ".join([*problems, *stages])
        more = f": {reasons}" if reasons else ""
        super().__init__(f"the run {run.id} has ended with {run.status.value}{more}")
        self.run = run


class NotEndedError(ClientError, TimeoutError):
    """A run is still under way."""

    def __init__(self, run: RunOut) -> None:
        """Name the run, and say where it is."""
        super().__init__(
            f"the run {run.id} has not ended: it is {run.state.value}", "wait again, or cancel it"
        )
        self.run = run
