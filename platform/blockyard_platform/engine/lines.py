"""Lines that stages print: from pieces of text, wherever a guest ends them, and what a result keeps of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from blockyard_platform.results import LogLine

MAX_PRINTED = 1024 * 1024
"""Characters of printed lines that a result keeps, each line counted with _LINE more; callbacks are given all of them."""

_LINE = 32


class Printed:
    """The lines that a run has printed, up to a bound."""

    __slots__ = ("_size", "lines")

    def __init__(self) -> None:
        """Begin with none."""
        self.lines: list[LogLine] = []
        self._size = 0

    def keep(self, line: LogLine) -> None:
        """Keep a line, while there is room."""
        if self._size <= MAX_PRINTED:
            self._size += len(line.text) + _LINE
            self.lines.append(line)


class Lines:
    """Takes pieces of one stage's text and gives whole lines on; :meth:`end` gives what has no line end."""

    __slots__ = ("_path", "_rest", "_take")

    def __init__(self, take: Callable[[str, str], None], path: str) -> None:
        """Give each line to ``take`` with the stage's node path."""
        self._take = take
        self._path = path
        self._rest: list[str] = []

    def __call__(self, piece: str) -> None:
        """Take a piece of text."""
        *whole, rest = piece.split("\n")
        for line in whole:
            self._rest.append(line)
            self._take(self._path, "".join(self._rest))
            self._rest.clear()
        if rest:
            self._rest.append(rest)

    def end(self) -> None:
        """Give on what was printed after the last line end."""
        if self._rest:
            self._take(self._path, "".join(self._rest))
            self._rest.clear()
