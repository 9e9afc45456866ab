"""Metrics over HTTP: what counts an API's requests, and a small server for processes that have no API."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from prometheus_client import start_http_server

from blockyard_platform.service.operations.errors import OperationsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from threading import Thread
    from wsgiref.simple_server import WSGIServer

    from blockyard_platform.service.operations.metrics import Metrics

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

UNMATCHED = "(no route)"
LOOPBACK = "127.0.0.1"


class CountRequests:
    """ASGI middleware: each request is counted under the template of its route, when its answer has ended."""

    def __init__(self, app: App, metrics: Metrics) -> None:
        """Stand around an application."""
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it; one that raises is an answer of 500, one without any of 499 (nginx's: the client left)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            status = 500
            raise
        finally:
            seconds = perf_counter() - begun
            self._metrics.request(scope["method"], route_of(scope), status or 499, seconds)


def route_of(scope: Scope) -> str:
    """Return the template of the route that a framework has found for a request, such as ``/api/v1/runs/{run}``."""
    template = getattr(scope.get("route"), "path", None)
    return template if isinstance(template, str) else UNMATCHED


class MetricsServer:
    """A server of ``/metrics`` in a thread, on loopback unless told otherwise. Close it at the end."""

    def __init__(self, metrics: Metrics, port: int, address: str = LOOPBACK) -> None:
        """Listen on a port; 0 takes a free one. Raises OperationsError when it is taken."""
        self._server: WSGIServer
        self._thread: Thread
        try:
            self._server, self._thread = start_http_server(port, address, metrics.registry)
        except (OSError, OverflowError) as error:
            raise OperationsError(
                f"metrics cannot be served at {address}:{port}: {error}",
                "choose another port, or 0 for a free one",
            ) from error

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_port)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
