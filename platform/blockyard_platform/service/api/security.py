"""Who asks: the token of a request, and whether its holder may do what the route needs."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from blockyard_platform.service.api.problems import RefusedRequestError
from blockyard_platform.service.registry.access import check
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.registry.errors import AuthenticationError
from blockyard_platform.service.registry.tokens import authenticate

if TYPE_CHECKING:
    from starlette.requests import Request

    from blockyard_platform.service.api.crowd import Crowd
    from blockyard_platform.service.api.throttle import Throttle
    from blockyard_platform.service.parts import Parts

_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([\x21-\x7e]{1,200}) *")


async def admit(request: Request, action: Action | None) -> Caller:
    """Return who asks. Raises AuthenticationError, ForbiddenError, and RefusedRequestError (429) where too many tokens were wrong."""
    caller = await known(request)
    if action is not None:
        check(caller, action)
    return caller


async def known(request: Request) -> Caller:
    """Return the holder of the request's token, which counts among those of its tenant until it is answered. Raises AuthenticationError, RefusedRequestError."""
    token = bearer(request)
    if token is None:
        raise AuthenticationError
    throttle: Throttle = request.app.state.throttle
    address = request.client.host if request.client else ""
    digest = hashlib.sha256(token.encode()).digest()
    wait = throttle.wait(address, digest)
    if wait > 0:
        raise RefusedRequestError(
            429,
            "too many tokens from your address were not valid",
            "wait, and look at your token",
            headers={"Retry-After": str(wait)},
        )
    parts: Parts = request.app.state.parts
    try:
        caller = await run_in_threadpool(authenticate, parts.database, token)
    except AuthenticationError:
        throttle.failed(address, digest)
        raise
    throttle.passed(digest)
    if caller.tenant is not None:
        crowd: Crowd = request.app.state.crowd
        crowd.enter(request.scope, caller.tenant, caller.who)
    return caller


def bearer(request: Request) -> str | None:
    """Return the token of a request that has one ``Authorization: Bearer`` header."""
    given = request.headers.getlist("authorization")
    found = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
    return None if found is None else found[1]
