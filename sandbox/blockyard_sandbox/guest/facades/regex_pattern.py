"""Compiled patterns and matches, with the attributes that Python's own have."""

import importlib
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, Self

from blockyard_sandbox.guest.facades.regex_syntax import RegexError
from blockyard_sandbox.guest.facades.regex_template import expand, filler, parse_template

re2 = importlib.import_module("re2")  # it has no types of its own


class Match:
    """One match."""

    __slots__ = ("_groups", "_match", "endpos", "pos", "re", "string")

    def __init__(self, pattern: "Pattern", match: Any, string: Any) -> None:
        """Wrap the engine's match."""
        self.re = pattern
        self.string = string
        self._match = match
        self.pos: int = match.pos
        self.endpos: int = match.endpos

    def _number(self, group: Any) -> int:
        if isinstance(group, int):
            if 0 <= group <= self.re.groups:
                return int(group)
        elif group in self.re.groupindex:
            number: int = self.re.groupindex[group]
            return number
        raise IndexError("no such group")

    def group(self, *groups: Any) -> Any:
        """Return the whole match, a group's text, or a tuple of them."""
        if not groups:
            return self._match.group(0)
        found = [self._match.group(self._number(group)) for group in groups]
        return found[0] if len(found) == 1 else tuple(found)

    def __getitem__(self, group: Any) -> Any:
        """Return a group's text."""
        return self._match.group(self._number(group))

    def groups(self, default: Any = None) -> tuple[Any, ...]:
        """Return the texts of all groups."""
        texts = (self._match.group(index) for index in range(1, self.re.groups + 1))
        return tuple(default if text is None else text for text in texts)

    def groupdict(self, default: Any = None) -> dict[str, Any]:
        """Return the texts of the named groups."""
        texts = {name: self._match.group(index) for name, index in self.re.groupindex.items()}
        return {name: default if text is None else text for name, text in texts.items()}

    def start(self, group: Any = 0) -> int:
        """Return where a group begins, -1 when it did not take part."""
        return self.span(group)[0]

    def end(self, group: Any = 0) -> int:
        """Return where a group ends, -1 when it did not take part."""
        return self.span(group)[1]

    def span(self, group: Any = 0) -> tuple[int, int]:
        """Return where a group begins and ends."""
        start, end = self._match.span(self._number(group))
        return start, end

    @property
    def lastindex(self) -> int | None:
        """Return the number of the last group that took part."""
        for index in reversed(self.re.closing):
            if self._match.group(index) is not None:
                return int(index)
        return None

    @property
    def lastgroup(self) -> str | None:
        """Return the name of the last group that took part."""
        names = {index: name for name, index in self.re.groupindex.items()}
        return names.get(self.lastindex) if self.lastindex else None

    def expand(self, template: Any) -> Any:
        r"""Fill a template in: ``\1``, ``\g<1>``, ``\g<name>``."""
        return expand(self, parse_template(template))

    def __repr__(self) -> str:
        """Show the span and the text."""
        return f"<re.Match object; span={self.span()}, match={self.group()!r}>"

    def __copy__(self) -> Self:
        """Return itself: a match never changes."""
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        """Return itself: a match never changes."""
        return self


class Pattern:
    """A compiled pattern."""

    __slots__ = ("_engine", "closing", "flags", "groupindex", "groups", "pattern")

    def __init__(self, pattern: Any, flags: int, translated: Any, options: Any) -> None:
        """Compile; raises RegexError with the engine's words."""
        try:
            self._engine = re2.compile(translated.pattern, options)
        except re2.error as error:
            words = error.args[0] if error.args else "it can't be compiled"
            text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
            raise RegexError(f"the pattern can't be used: {text}", pattern) from None
        self.pattern = pattern
        self.flags = flags
        self.closing: tuple[int, ...] = translated.closing
        self.groups: int = self._engine.groups
        self.groupindex = MappingProxyType(dict(self._engine.groupindex))

    def _text(self, string: Any) -> Any:
        """Return the text in its exact type; a mix of text and bytes is an error, as in Python."""
        wanted = str if isinstance(self.pattern, str) else bytes
        if isinstance(string, bytearray) and wanted is bytes:
            return bytes(string)
        if not isinstance(string, wanted):
            raise TypeError(f"expected {wanted.__name__}, got {type(string).__name__}")
        return str.__str__(string) if isinstance(string, str) else bytes(string)

    def _wrap(self, match: Any, string: Any) -> Match | None:
        return None if match is None else Match(self, match, string)

    def search(self, string: Any, pos: int = 0, endpos: int | None = None) -> Match | None:
        """Find the first place where the pattern matches."""
        text = self._text(string)
        return self._wrap(self._engine.search(text, pos, endpos), text)

    def match(self, string: Any, pos: int = 0, endpos: int | None = None) -> Match | None:
        """Match at the beginning."""
        text = self._text(string)
        return self._wrap(self._engine.match(text, pos, endpos), text)

    def fullmatch(self, string: Any, pos: int = 0, endpos: int | None = None) -> Match | None:
        """Match the whole text."""
        text = self._text(string)
        return self._wrap(self._engine.fullmatch(text, pos, endpos), text)

    def finditer(self, string: Any, pos: int = 0, endpos: int | None = None) -> Iterator[Match]:
        """Go through all matches."""
        text = self._text(string)
        return (Match(self, match, text) for match in self._engine.finditer(text, pos, endpos))

    def findall(self, string: Any, pos: int = 0, endpos: int | None = None) -> list[Any]:
        """Return all matches: texts, or tuples of groups."""
        found: list[Any] = self._engine.findall(self._text(string), pos, endpos)
        return found

    def split(self, string: Any, maxsplit: int = 0) -> list[Any]:
        """Split the text where the pattern matches."""
        pieces: list[Any] = []
        text = self._text(string)
        end = 0
        for done, match in enumerate(self.finditer(text)):
            if maxsplit and done >= maxsplit:
                break
            pieces.append(text[end : match.start()])
            pieces.extend(match.groups())
            end = match.end()
        pieces.append(text[end:])
        return pieces

    def sub(self, repl: Any, string: Any, count: int = 0) -> Any:
        """Replace the matches."""
        return self.subn(repl, string, count)[0]

    def subn(self, repl: Any, string: Any, count: int = 0) -> tuple[Any, int]:
        """Replace the matches, and count them."""
        text = self._text(string)
        make = repl if callable(repl) else filler(repl)
        pieces: list[Any] = []
        end = done = 0
        for match in self.finditer(text):
            if count and done >= count:
                break
            made = make(match)
            pieces += [text[end : match.start()], text[:0] if made is None else made]
            end = match.end()
            done += 1
        pieces.append(text[end:])
        return text[:0].join(pieces), done

    def __repr__(self) -> str:
        """Show the pattern."""
        return f"re.compile({self.pattern!r})"

    def __copy__(self) -> Self:
        """Return itself: a pattern never changes."""
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        """Return itself: a pattern never changes."""
        return self
