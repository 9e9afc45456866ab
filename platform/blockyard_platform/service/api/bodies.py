"""Bodies of requests: bounded before they are read, and read strictly: no duplicate key, no NaN, no depth without end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from blockyard_platform.service.api.problems import RefusedRequestError
from blockyard_schemas.decoding import decoded
from blockyard_schemas.limits import ReadLimits
from blockyard_schemas.plain import is_mapping
from blockyard_schemas.reader import Source, read

if TYPE_CHECKING:
    from blockyard_platform.service.parts import Parts

DOCUMENT_TYPES = ("application/yaml", "application/json", "text/yaml", "text/plain")
"""The types of a body that is a document, as text."""

_JSON = ("application/json",)
_OLDER = {"application/x-yaml": "application/yaml", "text/x-yaml": "text/yaml"}
_DEPTH = 64
_NODES = 100_000
_KEYS = 100
"""Keys of a body's own mapping; what is in it (params, a document) may have more."""
_LINES = 4 * _NODES
"""Lines of a body: where each begins is noted when one of them is wrong."""


class ReadRequest(Request):
    """A request whose body was read: ``source`` is its JSON."""

    data: bytes = b""
    source: Source | None = None

    async def body(self) -> bytes:
        """Return the bytes that were read."""
        return self.data

    async def json(self) -> Any:
        """Return the data that was read strictly."""
        return None if self.source is None else self.source.data


async def read_body(request: ReadRequest, *, document: bool) -> None:
    """Read a body of one of the types that fit. Raises RefusedRequestError, InvalidDocumentError."""
    parts: Parts = request.app.state.parts
    settings = parts.settings
    _check_type(request, DOCUMENT_TYPES if document else _JSON)
    try:
        async with asyncio.timeout(settings.request_seconds):
            request.data = await _bytes(request, settings.body_bytes)
    except TimeoutError:
        raise RefusedRequestError(408, "the body did not come in time") from None
    except ClientDisconnect:
        raise RefusedRequestError(400, "the body ended before its end") from None
    most = settings.body_bytes
    if request.data.count(b"\n") + request.data.count(b"\r") > _LINES:
        raise RefusedRequestError(413, f"the body has more than {_LINES} lines", "send less")
    limits = ReadLimits(bytes=most, depth=_DEPTH, nodes=_NODES, text=most)
    if document:
        request.state.text = decoded(request.data, limits)
    else:
        # It may take long, and others are to be answered meanwhile.
        found = await run_in_threadpool(read, request.data, limits=limits, syntax="json")
        _check_keys(found.data)
        request.state.source = request.source = found


def _check_type(request: Request, allowed: tuple[str, ...]) -> None:
    given = request.headers.get("content-type", "")
    kind, _, parameters = given.partition(";")
    kind = kind.strip().lower()
    charset = parameters.strip().lower().replace('"', "")
    if _OLDER.get(kind, kind) not in allowed or charset not in ("", "charset=utf-8"):
        hint = f"send Content-Type: {' or '.join(allowed)}"
        raise RefusedRequestError(415, "this is not a type of body that is read here", hint)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise RefusedRequestError(415, "a body that is encoded is not read", "send it as it is")


def _check_keys(data: Any) -> None:
    """Raise RefusedRequestError for more keys than any body has: a model would note one error for each, in the event loop."""
    if is_mapping(data) and len(data) > _KEYS:
        raise RefusedRequestError(
            422, f"the body has {len(data)} keys, and none has more than {_KEYS}", "take some out"
        )


async def _bytes(request: Request, most: int) -> bytes:
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or len(declared) > 15 or int(declared) > most:
        raise _too_long(most)
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > most:
            raise _too_long(most)
    return bytes(found)


def _too_long(most: int) -> RefusedRequestError:
    return RefusedRequestError(413, f"the body is longer than {most} bytes", "send less")
