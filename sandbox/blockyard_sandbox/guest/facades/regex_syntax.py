"""From Python's syntax of patterns to RE2's."""

import re
from dataclasses import dataclass, replace
from typing import Any, Final

FLAGS: Final = {
    "ASCII": re.ASCII.value,
    "IGNORECASE": re.IGNORECASE.value,
    "MULTILINE": re.MULTILINE.value,
    "DOTALL": re.DOTALL.value,
    "UNICODE": re.UNICODE.value,
    "VERBOSE": re.VERBOSE.value,
}
"""The flags and their numbers, which are Python's own."""

_UNICODE = {
    "d": r"\p{Nd}",
    "D": r"\P{Nd}",
    "w": r"[\p{L}\p{N}_]",
    "W": r"[^\p{L}\p{N}_]",
    "s": r"[\s\x0b\x1c-\x1f\x{85}\p{Z}]",
    "S": r"[^\s\x0b\x1c-\x1f\x{85}\p{Z}]",
}
_NOT_WORD = (
    r"\p{M}\p{Pd}\p{Ps}\p{Pe}\p{Pi}\p{Pf}\p{Po}\p{S}\p{Z}\p{C}"
    r"\x{203f}\x{2040}\x{2054}\x{fe33}\x{fe34}\x{fe4d}-\x{fe4f}\x{ff3f}"
)
"""All but letters, numbers and the underscore: a set can't hold the complement of a set."""

_NOT_SPACE = r"\p{L}\p{M}\p{N}\p{P}\p{S}\p{Cf}\p{Co}\x00-\x08\x0e-\x1b\x7f-\x{84}\x{86}-\x{9f}"

_IN_SET = {
    "d": r"\p{Nd}",
    "D": r"\P{Nd}",
    "w": r"\p{L}\p{N}_",
    "W": _NOT_WORD,
    "s": r"\s\x0b\x1c-\x1f\x{85}\p{Z}",
    "S": _NOT_SPACE,
}

_REFUSED = {
    "(?=": "look-ahead (?=...) is not available: patterns run in linear time",
    "(?!": "look-ahead (?!...) is not available: patterns run in linear time",
    "(?<=": "look-behind (?<=...) is not available: patterns run in linear time",
    "(?<!": "look-behind (?<!...) is not available: patterns run in linear time",
    "(?P=": "backreferences are not available: patterns run in linear time",
    "(?(": "conditional groups are not available: patterns run in linear time",
    "(?>": "atomic groups are not available: patterns run in linear time, they need none",
}


class RegexError(ValueError):
    """A pattern that can't be used; ``msg``, ``pattern`` and ``pos`` say what and where."""

    def __init__(self, msg: str, pattern: Any = None, pos: int | None = None) -> None:
        """Keep the three; the position counts from 0."""
        super().__init__(msg if pos is None else f"{msg} at position {pos}")
        self.msg = msg
        self.pattern = pattern
        self.pos = pos


@dataclass(frozen=True, slots=True)
class Translated:
    """A pattern as RE2 reads it, and the numbers of its groups in the order in which they close."""

    pattern: str | bytes
    closing: tuple[int, ...]


def translate(pattern: str | bytes, flags: int) -> Translated:
    """Translate a pattern; raises RegexError for what RE2 has no way to do."""
    if isinstance(pattern, bytes):
        made = _translate_text(pattern.decode("latin-1"), flags | FLAGS["ASCII"])
        return replace(made, pattern=str(made.pattern).encode("latin-1"))
    return _translate_text(pattern, flags)


def _translate_text(pattern: str, flags: int) -> Translated:
    unknown = flags & ~sum(FLAGS.values())
    if unknown:
        raise RegexError("only the flags A, I, M, S, U and X are available", pattern)
    flags, pattern = _inline_flags(pattern, flags)
    letters = "".join(
        letter
        for letter, name in (("m", "MULTILINE"), ("s", "DOTALL"), ("i", "IGNORECASE"))
        if flags & FLAGS[name]
    )
    translator = _Translator(pattern, flags)
    body = translator.run()
    return Translated(f"(?{letters}){body}" if letters else body, tuple(translator.closing))


def _inline_flags(pattern: str, flags: int) -> tuple[int, str]:
    """Take the flags that a pattern begins with, ``(?im)``."""
    if not pattern.startswith("(?"):
        return flags, pattern
    end = pattern.find(")")
    letters = pattern[2:end]
    if end < 0 or not letters or not set(letters) <= set("aimsux"):
        return flags, pattern
    for name, value in FLAGS.items():
        key = "x" if name == "VERBOSE" else name[0].lower()
        if key in letters:
            flags |= value
    return flags, pattern[end + 1 :]


class _Translator:
    """Goes through a pattern once, character by character."""

    def __init__(self, pattern: str, flags: int) -> None:
        self._pattern = pattern
        self._unicode = not flags & FLAGS["ASCII"]
        self._verbose = bool(flags & FLAGS["VERBOSE"])
        self._position = 0
        self._made: list[str] = []
        self._groups = 0
        self._open: list[int] = []
        self.closing: list[int] = []

    def run(self) -> str:
        while self._position < len(self._pattern):
            character = self._pattern[self._position]
            if character == "\\":
                self._escape(in_set=False)
            elif character == "[":
                self._set()
            elif character == "(":
                self._group()
            elif character == ")":
                self._close()
            elif self._verbose and (character.isspace() or character == "#"):
                self._skip(character)
            else:
                self._made.append(character)
                self._position += 1
        return "".join(self._made)

    def _skip(self, character: str) -> None:
        if character == "#":
            end = self._pattern.find("\n", self._position)
            self._position = len(self._pattern) if end < 0 else end + 1
        else:
            self._position += 1

    def _group(self) -> None:
        rest = self._pattern[self._position : self._position + 4]
        for start, message in _REFUSED.items():
            if rest.startswith(start):
                raise RegexError(message, self._pattern, self._position)
        if rest.startswith("(?#"):
            end = self._pattern.find(")", self._position)
            if end < 0:
                raise RegexError("missing ), unterminated comment", self._pattern, self._position)
            self._position = end + 1
            return
        captures = not rest.startswith("(?") or rest.startswith(("(?P<", "(?<"))
        self._groups += captures
        self._open.append(self._groups if captures else 0)
        self._made.append("(")
        self._position += 1

    def _close(self) -> None:
        group = self._open.pop() if self._open else 0
        if group:
            self.closing.append(group)
        self._made.append(")")
        self._position += 1

    def _escape(self, *, in_set: bool) -> None:
        following = self._pattern[self._position + 1 : self._position + 2]
        if not following:
            raise RegexError("bad escape (end of pattern)", self._pattern, self._position)
        self._position += 2
        if following.isdigit() and following != "0" and not in_set:
            raise RegexError(
                "backreferences are not available: patterns run in linear time",
                self._pattern,
                self._position - 2,
            )
        if following in "uU":
            self._code_point(4 if following == "u" else 8)
        elif following == "Z" and not in_set:
            self._made.append(r"\z")
        elif self._unicode and following in (_IN_SET if in_set else _UNICODE):
            self._made.append((_IN_SET if in_set else _UNICODE)[following])
        elif following in "/ #&~-@!%,;:<>=\"'`_" or (not following.isascii()):
            self._made.append(
                re.escape(following) if not following.isspace() else f"\\x{ord(following):02x}"
            )
        else:
            self._made.append("\\" + following)

    def _code_point(self, digits: int) -> None:
        number = self._pattern[self._position : self._position + digits]
        try:
            value = int(number, 16) if len(number) == digits else -1
        except ValueError:
            value = -1
        if value < 0:
            raise RegexError("incomplete escape", self._pattern, self._position - 2)
        self._made.append(f"\\x{{{value:x}}}")
        self._position += digits

    def _set(self) -> None:
        self._made.append("[")
        self._position += 1
        if self._pattern.startswith("^", self._position):
            self._made.append("^")
            self._position += 1
        first = True
        while self._position < len(self._pattern):
            character = self._pattern[self._position]
            if character == "]" and not first:
                self._made.append("]")
                self._position += 1
                return
            if character == "\\":
                self._escape(in_set=True)
            else:
                self._made.append(
                    r"\]" if character == "]" else r"\[" if character == "[" else character
                )
                self._position += 1
            first = False
        raise RegexError("unterminated character set", self._pattern, self._position)
