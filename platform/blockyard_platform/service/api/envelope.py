"""Around every request: its id, strict headers, paths that mean one thing, and an answer whatever goes wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.requests import Request

from blockyard_platform.service.api.crowd import LEAVING
from blockyard_platform.service.api.problems import answer, unexpected
from blockyard_platform.service.operations.logs import bound

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST_TARGET = 8 * 1024
"""Bytes of a path with its query."""

_ODD = re.compile(rb"%2[fF]|%5[cC]|\\|//|/\.{1,2}(?:/|$)|/(?:%2[eE]|\.){1,2}(?:/|$)")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Envelope:
    """The outermost layer of ours. With ``secure`` browsers are told to come by HTTPS alone."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        """Stand around an app."""
        self._app = app
        self._headers = dict(_HEADERS)
        if secure:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        scope["blockyard.request"] = str(uuid4())
        leaving: list[Callable[[], None]] = []
        scope[LEAVING] = leaving
        try:
            await self._answer(scope, receive, send)
        finally:
            for leave in leaving:
                leave()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                self._dress(scope, message)
            await send(message)

        response = _refusal(request)
        if response is None:
            try:
                with bound(request_id=scope["blockyard.request"]):
                    await self._app(scope, receive, sending)
            except Exception as error:
                response = unexpected(request, error)
                if begun:
                    raise
        if response is not None:
            await response(scope, receive, sending)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the start and the end of the app through, and close a websocket."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _dress(self, scope: Scope, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        headers["X-Request-Id"] = scope["blockyard.request"]
        for name, value in self._headers.items():
            headers.setdefault(name, value)


def _refusal(request: Request) -> Response | None:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode("utf-8", "replace")
    if len(raw) + len(request.scope["query_string"]) > LONGEST_TARGET:
        return answer(
            request, 414, "size", f"path and query are longer than {LONGEST_TARGET} bytes"
        )
    # A path that proxies and servers read in two ways is not read at all.
    if _ODD.search(raw):
        return answer(request, 404, "not-found", "there is nothing at this path")
    return None
