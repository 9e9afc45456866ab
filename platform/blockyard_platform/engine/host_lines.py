"""The lines of a host block, masked across their ends: what is split over two calls of ``log`` is found, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from blockyard_platform.engine.hidden import Hidden

_MOST_HELD = 16 * 1024
"""Characters that are looked at together: a line that is longer is not held back."""


class HostLines:
    """Takes the lines of one call of a block. A line whose end may be the beginning of a secret waits for the next, or for the end."""

    __slots__ = ("_covered", "_ended", "_held", "_hidden", "_take")

    def __init__(self, take: Callable[[str], None], hidden: Hidden) -> None:
        """Give lines to ``take`` as they come, as long as nothing was revealed."""
        self._take = take
        self._hidden = hidden
        self._held: list[str] = []
        self._covered = 0  # characters of what is held that belong to a secret found before
        self._ended = False

    def __call__(self, line: str) -> None:
        """Take a line."""
        masker = self._hidden.masker
        if masker is None or self._ended:
            self._take(line)
            return
        self._held.append(line)
        text = "".join(self._held)
        self._give(text, len(text) if len(text) > _MOST_HELD else masker.open_from(text))

    def end(self) -> None:
        """Give what is held; a block that goes on after its stage has ended is masked line by line."""
        self._ended = True
        text = "".join(self._held)
        self._give(text, len(text))

    def _give(self, text: str, until: int) -> None:
        """Give the lines that end at or before ``until``, each with its own part of what is masked."""
        masker = self._hidden.masker
        if masker is None or not self._held:
            return
        runs = masker.runs(text, len(text), self._covered)
        start = 0
        while self._held and start + len(self._held[0]) <= until:
            line = self._held.pop(0)
            end = start + len(line)
            inside = [(max(a, start), min(b, end)) for a, b in runs if a < end and b > start]
            self._take(_masked(line, [(a - start, b - start) for a, b in inside]))
            start = end
        self._covered = max([0, *(b - start for a, b in runs if a < start)])


def _masked(line: str, runs: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    at = 0
    for start, end in runs:
        parts += (line[at:start], "***")
        at = end
    return "".join([*parts, line[at:]])
