"""Whether a place in Python text lies in a string or in a comment, told by quotes alone; nothing is compiled."""

from __future__ import annotations

_QUOTES = ('"""', "'''", '"', "'")


class Scanner:
    """Follows text piece by piece; ``state`` is the open quote, ``#`` in a comment, or empty."""

    def __init__(self) -> None:
        """Begin outside of all quotes."""
        self.state = ""

    def feed(self, text: str) -> None:
        """Go over one more piece of the text."""
        position = 0
        while position < len(text):
            position += self._step(text, position)

    def _step(self, text: str, position: int) -> int:
        if self.state == "#":
            self.state = "" if text[position] == "\n" else "#"
            return 1
        if not self.state:
            return self._outside(text, position)
        if text[position] == "\\":
            return 2
        if text.startswith(self.state, position):
            length = len(self.state)
            self.state = ""
            return length
        if len(self.state) == 1 and text[position] == "\n":
            self.state = ""
        return 1

    def _outside(self, text: str, position: int) -> int:
        if text[position] == "#":
            self.state = "#"
            return 1
        for quote in _QUOTES:
            if text.startswith(quote, position):
                self.state = quote
                return len(quote)
        return 1


def alone_in_quotes(before: str, state: str, after: str) -> bool:
    """Whether one thing stands between an opening quote without a prefix, and the quote that closes it."""
    if state not in ("'", '"') or not before.endswith(state) or not after.startswith(state):
        return False
    return not before[-2:-1].isalnum()
