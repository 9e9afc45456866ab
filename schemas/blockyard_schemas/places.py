"""Where things stand in a text: offsets while reading, lines and columns when someone asks."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property


class Places:
    """Turns offsets of characters into lines and columns, both counted from 1."""

    def __init__(self, text: str) -> None:
        """Keep the text; lines are counted when the first place is asked for."""
        self._text = text

    @cached_property
    def _starts(self) -> list[int]:
        starts, at = [0], 0
        for line in self._text.splitlines(keepends=True):
            at += len(line)
            if line[-1] in "\r\n":
                starts.append(at)
        return starts

    def of(self, offset: int) -> tuple[int, int]:
        """Return the line and column of an offset."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def column_in(self, line: int, part: str) -> int | None:
        """Return the column at which a part begins in a line; ``None`` when the line is not there or does not have it."""
        if not 1 <= line <= len(self._starts):
            return None
        start = self._starts[line - 1]
        end = self._starts[line] if line < len(self._starts) else len(self._text)
        at = self._text.find(part, start, end)
        return None if at < 0 else at - start + 1
