"""Secrets in what is shown or kept: each place where a form of a value stands becomes ``***``.

This guards against accidents, not against an author who wants a secret out: any program can write a value in a way that nobody
foresees. What overlaps or touches becomes one ``***``.

The time is linear in the text: at each character one look-up of the next four; and where a form begins with these, one binary search in
the sorted forms, none of which is longer than 64 characters, since longer ones are cut.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from heapq import merge
from typing import Any

from blockyard_platform.plain import is_list, is_mapping
from blockyard_platform.secrets.forms import SHORTEST, check_size, pieces_of

MASK = "***"
MOST_DEPTH = 200
"""Lists and mappings in each other; what lies deeper is masked as a whole."""

Run = tuple[int, int]
"""The start and the end of what is masked."""


class Masker:
    """Masks these values in texts and data. It may be used from several threads."""

    __slots__ = ("_inner", "_longest", "_ordered", "_pieces", "_short_lengths", "_starts")

    def __init__(self, values: Iterable[str]) -> None:
        """Prepare all forms of the values; blank ones are left out. Raises SecretValueError when there is too much of them."""
        kept = set(values)
        check_size(kept)
        self._pieces = frozenset(piece for value in kept for piece in pieces_of(value))
        self._ordered = sorted(self._pieces)
        sizes = {len(piece) for piece in self._pieces}
        self._longest = max(sizes, default=0)
        self._short_lengths = sorted(size for size in sizes if size < SHORTEST)
        self._starts = frozenset(piece[:SHORTEST] for piece in self._pieces)
        self._inner = _inner_pieces(self._ordered)

    def __repr__(self) -> str:
        """Show how much is masked, never what."""
        return f"Masker({len(self._pieces)} pieces)"

    @property
    def longest(self) -> int:
        """Characters of the longest piece that is looked for: at most 64."""
        return self._longest

    def mask(self, text: str) -> str:
        """Return the text with ``***`` in the place of secrets: the same object when there are none."""
        runs = self.runs(text, len(text))
        if not runs:
            return text
        parts: list[str] = []
        at = 0
        for start, end in runs:
            parts += (text[at:start], MASK)
            at = end
        parts.append(text[at:])
        return "".join(parts)

    def mask_data(self, value: Any) -> Any:
        """Return plain data with all texts masked, keys as well as values; what has no secret in it is not copied.

        A number that is written like a value becomes ``***``, too. Keys that become alike are numbered.
        """
        return self._masked(value, 0)

    def runs(self, text: str, until: int, covered: int = 0) -> list[Run]:
        """Return the places to mask that begin before ``until``, in order and apart; the first ``covered`` characters are one."""
        found = self._found(text, until)
        if self._short_lengths:
            short = (self._found_short(text, until, size) for size in self._short_lengths)
            found = merge(found, *short)
        return _joined(found, [(0, covered)] if covered else [])

    def open_from(self, text: str) -> int:
        """Return where the longest end of the text begins that may become a secret with what follows, or its length."""
        size = len(text)
        for at in range(max(0, size - self._longest + 1), size):
            if size - at >= SHORTEST and text[at : at + SHORTEST] not in self._starts:
                continue
            if self._is_beginning(text[at:]):
                return at
        return size

    def _is_beginning(self, text: str) -> bool:
        at = bisect_left(self._ordered, text)
        if at < len(self._ordered) and self._ordered[at] == text:
            at += 1
        return at < len(self._ordered) and self._ordered[at].startswith(text)

    def _found(self, text: str, until: int) -> Iterator[Run]:
        starts = self._starts
        for at in range(min(until, len(text) - SHORTEST + 1)):
            if text[at : at + SHORTEST] in starts:
                length = self._longest_at(text[at : at + self._longest])
                if length:
                    yield at, at + length

    def _longest_at(self, window: str) -> int:
        """Return the length of the longest piece that this text begins with, or 0."""
        # All pieces in order between the longest one and the text begin with it, too. So it is the last
        # piece before the text, or one of those that this one begins with.
        at = bisect_right(self._ordered, window) - 1
        if at < 0:
            return 0
        if window.startswith(self._ordered[at]):
            return len(self._ordered[at])
        inner = self._inner.get(self._ordered[at], ())
        fitting = bisect_left(
            inner, True, key=lambda length: not window.startswith(self._ordered[at][:length])
        )
        return inner[fitting - 1] if fitting else 0

    def _found_short(self, text: str, until: int, length: int) -> Iterator[Run]:
        for at in range(min(until, len(text) - length + 1)):
            if text[at : at + length] in self._pieces:
                yield at, at + length

    def _masked(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.mask(value)
        if is_list(value):
            return self._list(value, depth) if depth < MOST_DEPTH else MASK
        if is_mapping(value):
            return self._mapping(value, depth) if depth < MOST_DEPTH else MASK
        return MASK if self._is_number(value) else value

    def _list(self, value: list[Any], depth: int) -> list[Any]:
        items = [self._masked(item, depth + 1) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items

    def _mapping(self, value: dict[str, Any], depth: int) -> dict[str, Any]:
        same = True
        made: dict[str, Any] = {}
        numbers: dict[str, int] = {}
        for key, item in value.items():
            new_key, new_item = self.mask(key), self._masked(item, depth + 1)
            same = same and new_key is key and new_item is item
            made[_free(new_key, made, numbers)] = new_item
        return value if same else made

    def _is_number(self, value: Any) -> bool:
        # A number of more digits than a piece has cannot be one; it may be too long to be written at all.
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if isinstance(value, int) and value.bit_length() > 220:
            return False
        text = str(value)
        return len(text) >= SHORTEST and text in self._pieces


class StreamMasker:
    """Masks a text that comes in pieces, wherever it is cut; all that is given is what masking the whole text gives.

    It holds back only what may be the beginning of a secret: at most 63 characters.
    """

    __slots__ = ("_covered", "_held", "_in_mask", "_masker")

    def __init__(self, masker: Masker) -> None:
        """Begin a text."""
        self._masker = masker
        self._begin()

    def __repr__(self) -> str:
        """Show how much is held back, never what."""
        return f"StreamMasker({len(self._held)} characters held back)"

    def feed(self, piece: str) -> str:
        """Take a piece, and return what is certain by now."""
        text = self._held + piece
        return self._give(text, self._masker.open_from(text))

    def end(self) -> str:
        """Return the rest, and begin a new text."""
        rest = self._give(self._held, len(self._held))
        self._begin()
        return rest

    def _begin(self) -> None:
        self._held = ""
        self._covered = 0  # characters of what is held back that belong to a secret found before
        self._in_mask = False  # whether the last character that was given away was masked

    def _give(self, text: str, until: int) -> str:
        if not until:
            self._held = text
            return ""
        parts: list[str] = []
        at = 0
        for start, end in self._masker.runs(text, until, self._covered):
            parts.append(text[at:start])
            if start or not self._in_mask:
                parts.append(MASK)
            at = end
        parts.append(text[at:until])
        self._in_mask = at >= until
        # What begins later is found again, with more of the text; so each place is looked at once.
        self._covered = max(0, at - until)
        self._held = text[until:]
        return "".join(parts)


def _inner_pieces(ordered: list[str]) -> dict[str, list[int]]:
    """Return the lengths of the pieces that a piece begins with, shortest first, for each that begins with any."""
    inner: dict[str, list[int]] = {}
    around: list[str] = []
    for piece in ordered:
        while around and not piece.startswith(around[-1]):
            around.pop()
        if around:
            inner[piece] = [len(each) for each in around]
        around.append(piece)
    return inner


def _joined(runs: Iterable[Run], joined: list[Run]) -> list[Run]:
    """Add runs that are sorted by their start, with those joined that overlap or touch."""
    for start, end in runs:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def _free(key: str, taken: dict[str, Any], numbers: dict[str, int]) -> str:
    """Return the key with the next number that is free; ``numbers`` are kept, lest each key tries all of them again."""
    free = key
    while free in taken:
        numbers[key] = numbers.get(key, 1) + 1
        free = f"{key} ({numbers[key]})"
    return free
