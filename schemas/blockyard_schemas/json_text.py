"""Plain data and places from JSON (RFC 8259), within bounds.

Our own pass over the text, since the standard library's keeps no places, takes NaN and lets the last of two equal keys win.
"""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder
from typing import Any

from blockyard_schemas.findings import Findings
from blockyard_schemas.limits import ReadLimits
from blockyard_schemas.meter import Meter
from blockyard_schemas.scalars import NumberError, finite

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORD = re.compile(r"[-+.0-9A-Za-z_$]+")
_WORDS = {"true": True, "false": False, "null": None}
_SURROGATE = re.compile("[\ud800-\udfff]")


class JsonText:
    """Reads one text. ``marks`` holds, by the identity of each list and mapping, the offsets of what is in it."""

    def __init__(self, text: str, limits: ReadLimits, findings: Findings) -> None:
        """Keep what is needed; nothing is read yet."""
        self._text = text
        self._limits = limits
        self._findings = findings
        self._path = path = list[str | int]()
        # Not by way of ``self``: a reading that refers to itself would keep its text until somebody looks for garbage.
        self._meter = Meter(limits, findings, lambda: path)
        self._strings = JSONDecoder()
        self._escapes = "\\u" in text
        self.marks: dict[int, list[int]] = {}
        self.root_at = 0

    def read(self) -> Any:
        """Return the data; raise InvalidDocumentError."""
        self.root_at = self._skip(0)
        if self.root_at == len(self._text):
            raise self._findings.stop("empty", "the document is empty", at=0)
        value, at = self._value(self.root_at)
        at = self._skip(at)
        if at != len(self._text):
            raise self._syntax("there is text after the end of the document", at, "take it out")
        self._findings.check()
        return value

    def _value(self, at: int) -> tuple[Any, int]:
        self._meter.count(1, 0, at)
        first = self._text[at : at + 1]
        if first == '"':
            return self._string(at)
        if first in ("{", "["):
            self._meter.depth(len(self._path) + 1, at)
            return self._object(at) if first == "{" else self._array(at)
        return self._word(at)

    def _object(self, start: int) -> tuple[dict[str, Any], int]:
        data: dict[str, Any] = {}
        marks: list[int] = []
        at = self._skip(start + 1)
        if self._text[at : at + 1] == "}":
            self.marks[id(data)] = marks
            return data, at + 1
        self._path.append("")
        while True:
            key, value_at = self._key(at, data, marks)
            self._path[-1] = key
            data[key], end = self._value(value_at)
            marks += (at, value_at)
            at = self._skip(end)
            if self._text[at : at + 1] == "}":
                break
            at = self._next(at, "}", "a mapping")
        self._path.pop()
        self.marks[id(data)] = marks
        return data, at + 1

    def _key(self, at: int, data: dict[str, Any], marks: list[int]) -> tuple[str, int]:
        if self._text[at : at + 1] != '"':
            raise self._syntax("a key in double quotes is expected", at, 'write "key": value')
        key, end = self._string(at)
        if key in data:
            line, column = self._findings.place(marks[2 * list(data).index(key)]) or (0, 0)
            self._findings.add(
                "duplicate-key",
                f"the key '{key[:60]}' stands twice in one mapping; first at line {line}, column {column}",
                "take one of them out, or rename it",
                at=at,
                path=(*self._path[:-1], key),
            )
        end = self._skip(end)
        if self._text[end : end + 1] != ":":
            raise self._syntax("a colon is expected after a key", end, 'write "key": value')
        return key, self._skip(end + 1)

    def _array(self, start: int) -> tuple[list[Any], int]:
        data: list[Any] = []
        marks: list[int] = []
        at = self._skip(start + 1)
        if self._text[at : at + 1] == "]":
            self.marks[id(data)] = marks
            return data, at + 1
        self._path.append(0)
        while True:
            self._path[-1] = len(data)
            value, end = self._value(at)
            data.append(value)
            marks.append(at)
            at = self._skip(end)
            if self._text[at : at + 1] == "]":
                break
            at = self._next(at, "]", "a list")
        self._path.pop()
        self.marks[id(data)] = marks
        return data, at + 1

    def _next(self, at: int, closing: str, what: str) -> int:
        if self._text[at : at + 1] != ",":
            raise self._syntax(
                f"a comma or {closing} is expected in {what}", at, f"add a comma, or close {what}"
            )
        after = self._skip(at + 1)
        if self._text[after : after + 1] == closing:
            raise self._syntax(
                f"a comma stands before {closing}", at, "JSON has no trailing commas: take it out"
            )
        return after

    def _string(self, at: int) -> tuple[str, int]:
        value: str
        try:
            value, end = self._strings.raw_decode(self._text, at)
        except JSONDecodeError as error:
            hint = "close the quotes; write a line break as \\n and a backslash as \\\\"
            raise self._syntax(error.msg[:1].lower() + error.msg[1:], error.pos, hint) from None
        if self._escapes and (_SURROGATE.search(value) or "\x00" in value):
            self._findings.add(
                "character",
                "a text holds half of a surrogate pair, or a NUL character",
                "take the escape out, or write both halves of the pair",
                at=at,
                path=self._path,
            )
        self._meter.count(0, len(value), at)
        return value, end

    def _word(self, at: int) -> tuple[Any, int]:
        found = _WORD.match(self._text, at)
        word = found.group() if found else ""
        if word in _WORDS:
            return _WORDS[word], at + len(word)
        number = _NUMBER.fullmatch(word)
        if number is None:
            raise self._not_a_value(word, at)
        try:
            return self._number(word, number.group(1) or number.group(2)), at + len(word)
        except NumberError as error:
            self._findings.add(
                "number", str(error), "put it in quotes to keep it as text", at=at, path=self._path
            )
            return 0, at + len(word)

    def _number(self, word: str, fraction: str | None) -> int | float:
        if fraction is not None:
            return finite(word, self._limits.digits)
        if len(word) > self._limits.digits:
            raise NumberError(
                f"the number has {len(word)} digits, and {self._limits.digits} are allowed"
            )
        return int(word)

    def _not_a_value(self, word: str, at: int) -> Exception:
        if word.lstrip("-+") in ("NaN", "Infinity"):
            return self._syntax(f"{word} is not a JSON number", at, "use null, or a text")
        shown = word[:40] or self._text[at : at + 1] or "the end of the text"
        hint = "texts stand in double quotes; other values are true, false, null and numbers"
        return self._syntax(f"a value is expected, not {shown}", at, hint)

    def _skip(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        return found.end() if found else at

    def _syntax(self, message: str, at: int, hint: str) -> Exception:
        return self._findings.stop("json", f"JSON syntax: {message}", hint, at=at, path=self._path)
