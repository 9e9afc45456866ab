"""The body of an answer: read within a bound, also when it is packed, and given the form that its type says."""

from __future__ import annotations

import base64
import json
import re
import zlib
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, cast

from blockyard_platform.containers import fail
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.reader import from_data
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import httpx

    from blockyard_platform.errors import StageFailureError
    from blockyard_platform.host_blocks.outgoing.connection import Answer

    Format = Literal["json", "text", "base64"]

_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([a-z0-9_-]{1,40})", re.IGNORECASE)
_CHARSETS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "cp1252",  # which is what it means on the web (WHATWG Encoding)
    "latin1": "cp1252",
    "windows-1252": "cp1252",
    "iso-8859-15": "iso-8859-15",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}
"""Charsets that are read: Python has others which are slow on hostile bytes, such as idna and punycode."""

_TEXTS: Final = frozenset(
    {
        *("application/xml", "application/javascript", "application/x-www-form-urlencoded"),
        *("application/yaml", "application/x-ndjson", "application/graphql"),
    }
)


async def whole(response: httpx.Response, most: int, host: str) -> bytes:
    """Read a body of at most so many bytes, before and after it is unpacked; raise StageFailureError."""
    body = bytearray()
    unpacking = _unpacking(response.headers.get("content-encoding", ""), host)
    arrived = 0
    stream = cast("httpx.AsyncByteStream", response.stream)
    async with aclosing(cast("AsyncGenerator[bytes]", aiter(stream))) as parts:
        async for part in parts:
            arrived += len(part)
            body += part if unpacking is None else unpacking.take(part, most - len(body) + 1)
            if max(arrived, len(body)) > most:
                message = f"the answer of {host} is larger than {most} bytes (max_bytes, and the policy's result_kib)"
                raise fail(Code.RESULT_LIMIT, message)
    if unpacking is not None and arrived:
        unpacking.end()
    return bytes(body)


def shaped(answer: Answer) -> tuple[Any, Format]:
    """Return a body and its form: JSON as data where the type says so and it is; else text, where it is text; else Base64."""
    kind, _, _ = answer.headers.get("content-type", "").partition(";")
    kind = kind.strip().lower()
    if kind in ("application/json", "text/json") or kind.endswith("+json"):
        try:
            return _data(answer.body), "json"
        except ValueError:
            pass  # said to be JSON, but is none that a document can hold
    textual = (
        not kind or kind.startswith("text/") or kind in _TEXTS or kind.endswith(("json", "+xml"))
    )
    text = _text(answer, textual)
    if text is None:
        return base64.b64encode(answer.body).decode("ascii"), "base64"
    return text, "text"


def _data(body: bytes) -> Any:
    try:
        data = json.loads(body.decode("utf-8-sig"), parse_constant=_no_number)
        return from_data(data).data
    except RecursionError:
        raise ValueError("too deep") from None
    except InvalidDocumentError as error:
        raise ValueError(str(error)) from None


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _text(answer: Answer, textual: bool) -> str | None:
    """Return a body as text; ``None`` when its type says that it is none, or its bytes do."""
    if not answer.body:
        return ""
    if not textual:
        return None
    found = _CHARSET.search(answer.headers.get("content-type", ""))
    charset = _CHARSETS.get(found[1].lower(), "utf-8") if found else "utf-8"
    try:
        text = answer.body.decode(charset)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text  # which no text of a document holds


class _Unpacking:
    """Takes gzip and zlib apart (RFC 1952, RFC 1950), so many bytes at a time: a bomb is never blown up."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._work = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)

    def take(self, part: bytes, most: int) -> bytes:
        """Return what a part holds, at most so many bytes: whoever gets as many gives up."""
        try:
            data = self._work.decompress(part, most)
        except zlib.error:
            raise self._wrong() from None
        if self._work.unused_data:
            raise self._wrong()
        return data

    def end(self) -> None:
        """Check that nothing is missing."""
        if not self._work.eof:
            raise self._wrong()

    def _wrong(self) -> StageFailureError:
        message = f"the answer of {self._host} is packed wrongly, or cut short"
        return fail(Code.UNHANDLED_EXCEPTION, message)


def _unpacking(encoding: str, host: str) -> _Unpacking | None:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name in ("gzip", "x-gzip", "deflate"):
        return _Unpacking(host)
    message = f"the answer of {host} is packed as {name[:40]!a}, which was not asked for"
    raise fail(Code.UNHANDLED_EXCEPTION, message)
