"""HTTP/1.1 as uvicorn reads it with httptools, with what it leaves open bounded: how long a head is, and how long it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

MOST_HEAD_BYTES = 64 * 1024
"""Bytes of a request's line and headers. What is read at once counts when more of the head has to come."""
HEAD_SECONDS = 30.0
"""How long a head may take to come, on a new connection or after its first byte."""


class BoundedHttp(HttpToolsProtocol):
    """One connection."""

    _head_bytes = 0
    _in_head = True
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read, and close the connection when a head becomes too long."""
        before = self._head_bytes
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            # A head that began in this piece is counted from the next one on.
            self._head_bytes = self._head_bytes + len(data) if self._head_bytes == before else 0
            if self._head_bytes > MOST_HEAD_BYTES:
                self.send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        """Begin a head."""
        super().on_message_begin()
        self._in_head = True
        if self._timer is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """End a head."""
        self._stop()
        self._in_head = False
        self._head_bytes = 0
        super().on_headers_complete()

    def _wait(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        # An answer that is still under way to the one before is not cut off: its end arms the usual timer.
        answering = not getattr(self.cycle, "response_complete", True)
        if not self.transport.is_closing() and not answering:
            self.transport.close()
