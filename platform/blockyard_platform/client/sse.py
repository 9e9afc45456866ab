"""Server-sent events (WHATWG HTML, section 9.2), as bytes come."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blockyard_platform.client.errors import BadAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 1024 * 1024
"""Bytes of one event."""

MEDIA_TYPE = "text/event-stream"
_END = re.compile(rb"\r\n|\n|\r(?!\Z)")


@dataclass(frozen=True, slots=True)
class Message:
    """One event: its id ("" without one), its kind, its data."""

    id: str
    kind: str
    data: str


class Parser:
    """Takes bytes in pieces of any size, and yields the events that are whole. What an end cuts off is left out."""

    def __init__(self) -> None:
        """Stand before the first line."""
        self._held = b""
        self._size = 0
        self._begin()

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """Yield the events that end in this piece. Raises BadAnswerError for one that is too long."""
        lines = _END.split(self._held + chunk)
        self._held = lines.pop()
        for line in lines:
            self._size += len(line)
            if line:
                self._take(line.decode("utf-8", "replace"))
            elif (found := self._whole()) is not None:
                yield found
            self._check(0)
        self._check(len(self._held))

    def _begin(self) -> None:
        self._id, self._kind = "", "message"
        self._data: list[str] = []
        self._size = 0

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._kind = value
        elif name == "id" and "\0" not in value:
            self._id = value

    def _whole(self) -> Message | None:
        found = Message(self._id, self._kind, "\n".join(self._data)) if self._data else None
        self._begin()
        return found

    def _check(self, held: int) -> None:
        if self._size + held > MOST_BYTES:
            raise BadAnswerError(f"an event is longer than {MOST_BYTES} bytes")
