"""The guest's loop: read a request, run it, stream what it prints, answer.

A frame is four bytes of big-endian length and a JSON object in UTF-8.  Requests come from the control plane
and are trusted; answers are not, by those who read them.
"""

import json
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from blockyard_sandbox.guest.failures import (
    KNOWN,
    MEMORY,
    OUTPUT,
    RESULT,
    TYPE,
    GuestError,
    code_of,
    words_of,
)
from blockyard_sandbox.guest.log import LogStream

Handler = Callable[[dict[str, Any]], Any]

MAX_REQUEST_BYTES = 256 * 1024 * 1024
MAX_WORDS = 4000
DEFAULT_OUTPUT_BYTES = 1024 * 1024
DEFAULT_RESULT_BYTES = 4 * 1024 * 1024


def serve(sock: socket.socket, handlers: Mapping[str, Handler]) -> NoReturn:
    """Answer requests on a blocking stream socket until it is closed; then leave the process.

    Standard output and standard error become the log.  Whatever a handler raises, of any kind, becomes an
    error answer.  A handler that has a method ``prepare`` is told by it that its answer was sent.  The process ends with status 0 when the other side closes, and with 70 when a frame is broken.
    """
    log = LogStream(lambda call, text: _send(sock, {"id": call, "log": text}))
    sys.stdout = sys.stderr = log
    sys.unraisablehook = _say_nothing
    try:
        while (request := _receive(sock)) is not None:
            sock.sendall(answer(request, handlers, log))
            prepare = getattr(handlers.get(request["op"]), "prepare", None)
            if prepare is not None:
                prepare()
    except ConnectionError:
        log.drop()
    raise SystemExit(0)


def answer(request: dict[str, Any], handlers: Mapping[str, Handler], log: LogStream) -> bytes:
    """Run one request and return the frame of its answer."""
    call = request["id"]
    limits: dict[str, Any] = request.get("limits") or {}
    log.begin(call, int(limits.get("output_bytes", DEFAULT_OUTPUT_BYTES)))
    result_bytes = int(limits.get("result_bytes", DEFAULT_RESULT_BYTES))
    try:
        try:
            value = _dispatch(request, handlers)
            reply = _value_frame(call, value, result_bytes)
        except BaseException as error:  # noqa: BLE001 (user code raises what it likes)
            reply = _error_frame(call, error)
        log.end()
        if log.exceeded:
            reply = _frame(
                {
                    "id": call,
                    "error": _error(OUTPUT, "the printed output reached its limit; print less"),
                }
            )
    except MemoryError:
        log.end()
        reply = _frame({"id": call, "error": _error(MEMORY, "the memory limit was reached")})
    return reply


def _dispatch(request: dict[str, Any], handlers: Mapping[str, Handler]) -> Any:
    handler = handlers.get(request["op"])
    if handler is None:
        raise GuestError(TYPE, f"the guest has no operation {request['op']!r}")
    return handler(request.get("payload") or {})


def _value_frame(call: int, value: Any, limit: int) -> bytes:
    try:
        frame = _frame({"id": call, "value": value})
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise GuestError(TYPE, f"the result is not plain data: {words_of(error)}") from None
    if len(frame) > limit:
        raise GuestError(
            RESULT, f"the result takes {len(frame)} bytes, the limit is {limit}; return less"
        )
    return frame


def _error_frame(call: int, error: BaseException) -> bytes:
    line = error.line if isinstance(error, GuestError) else None
    text = error.text if isinstance(error, GuestError) else None
    code, words = _told(error)
    return _frame({"id": call, "error": _error(code, words, line, text)})


def _told(error: BaseException) -> tuple[str, str]:
    """Return code and words; a handler's own exception may carry both (the code a name, or a member of an enumeration)."""
    own = getattr(error, "code", None)
    name = getattr(own, "name", own)
    if type(name) is not str or name not in KNOWN:
        return code_of(error), words_of(error)
    message = getattr(error, "message", None)
    if type(message) is not str:
        return name, words_of(error)
    return name, message[:MAX_WORDS].encode("utf-8", "backslashreplace").decode("utf-8")


def _error(
    code: str, message: str, line: int | None = None, text: str | None = None
) -> dict[str, Any]:
    return {"code": code, "message": message, "line": line, "text": text}


def _frame(content: dict[str, Any]) -> bytes:
    body = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
        "utf-8"
    )
    return len(body).to_bytes(4, "big") + body


def _send(sock: socket.socket, content: dict[str, Any]) -> None:
    sock.sendall(_frame(content))


def _receive(sock: socket.socket) -> dict[str, Any] | None:
    head = _read(sock, 4)
    if head is None:
        return None
    size = int.from_bytes(head, "big")
    body = _read(sock, size) if size <= MAX_REQUEST_BYTES else None
    if body is None:
        raise SystemExit(70)
    request: dict[str, Any] = json.loads(body)
    return request


def _read(sock: socket.socket, size: int) -> bytes | None:
    """Read exactly so many bytes; None when the other side closed before the first."""
    data = sock.recv(size) if size else b""
    if len(data) == size:
        return data
    parts = [data]
    left = size - len(data)
    while data and left:
        data = sock.recv(min(left, 1 << 20))
        parts.append(data)
        left -= len(data)
    if left:
        if left == size:
            return None
        raise SystemExit(70)
    return b"".join(parts)


def _say_nothing(_: object, /) -> None:
    """Drop what a finaliser of user code raised: there is no call to tell it to."""
