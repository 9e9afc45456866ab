"""From pieces of printed text to lines: a guest sends what it has, wherever that ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


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
