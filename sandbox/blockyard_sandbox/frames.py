"""The wire between the platform and a guest: length-limited JSON, decoded as the hostile input that it is.

A frame is four bytes of length, big-endian, and that many bytes of UTF-8 JSON holding one object.
"""

import json
from collections.abc import Iterator
from typing import Any, NoReturn, cast

from blockyard_sandbox.errors import ProtocolError

DEPTH = 72
"""The guest's own bound on results is 64; the rest is for the frame around them."""

HEAD = 4


class FrameReader:
    """Cuts a stream of bytes into frames, refusing a frame that is longer than ``most`` before reading it."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self._buffer = bytearray()

    def feed(self, data: bytes, most: int) -> Iterator[bytes]:
        """Take what arrived; yield the bodies of the frames that are complete. Raises ProtocolError."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= HEAD:
            size = int.from_bytes(buffer[:HEAD], "big")
            if size > most:
                raise ProtocolError(f"a frame of {size} bytes, where {most} are allowed")
            if len(buffer) < HEAD + size:
                return
            body = bytes(buffer[HEAD : HEAD + size])
            del buffer[: HEAD + size]
            yield body

    @property
    def rest(self) -> int:
        """How many bytes of an unfinished frame are held."""
        return len(self._buffer)


def encode(content: dict[str, Any]) -> bytes:
    """Return the frame of an object. Raises ValueError for what JSON cannot hold."""
    body = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return len(body).to_bytes(HEAD, "big") + body


def decode(body: bytes) -> dict[str, Any]:
    """Return the object that a frame holds: strict JSON, bounded in depth. Raises ProtocolError."""
    try:
        content: Any = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_distinct,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except ProtocolError:
        raise
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not JSON: {type(error).__name__}") from None
    if not isinstance(content, dict):
        raise ProtocolError("a frame that holds no object")
    if body.count(b"[") + body.count(b"{") > DEPTH:
        _check_depth(content)
    if b"\\u" in body:
        _check_text(content)
    return cast("dict[str, Any]", content)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ProtocolError("a key that is there twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ProtocolError(f"the number {name}")


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0:
        raise ProtocolError("a number beyond all bounds")
    return value


def _check_depth(content: Any) -> None:
    level = [content]
    for _ in range(DEPTH):
        level = [
            item
            for holder in level
            for item in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(item, dict | list)
        ]
        if not level:
            return
    raise ProtocolError(f"nested deeper than {DEPTH}")


def _check_text(content: Any) -> None:
    """Refuse halves of surrogate pairs: no database and no terminal takes them."""
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ProtocolError("half of a surrogate pair") from None
