r"""Regular expressions: ``re`` on an engine whose time is linear in the text (RE2), so that no pattern can hang.

What RE2 lacks, look-around and backreferences, is a clear error.  Texts are matched as Unicode: ``\d``, ``\w`` and
``\s`` mean what they mean in Python (``translate`` below), ``\b`` knows ASCII letters
only, and ``$`` without the flag M matches at the very end alone, not before a last newline.
"""

import functools
import importlib
from collections.abc import Callable, Iterator
from typing import Any

from blockyard_sandbox.guest.facades.part import Part
from blockyard_sandbox.guest.facades.regex_pattern import Match, Pattern
from blockyard_sandbox.guest.facades.regex_syntax import FLAGS, RegexError, translate

re2 = importlib.import_module("re2")  # it has no types of its own

Text = str | bytes
_REMEMBERED = 256


@functools.lru_cache(maxsize=_REMEMBERED)
def _compiled(pattern: Text, flags: int) -> Pattern:
    options = re2.Options()
    options.log_errors = False
    options.never_nl = False
    options.case_sensitive = not flags & FLAGS["IGNORECASE"]
    return Pattern(pattern, flags, translate(pattern, flags), options)


def compile_pattern(pattern: Any, flags: int = 0) -> Pattern:
    """Compile a pattern; raises ``re.error`` with what is wrong with it."""
    if isinstance(pattern, Pattern):
        if flags:
            raise ValueError("cannot process flags argument with a compiled pattern")
        return pattern
    if isinstance(pattern, str):
        return _compiled(str.__str__(pattern), int(flags))
    if isinstance(pattern, bytes):
        return _compiled(bytes(pattern), int(flags))
    raise TypeError("first argument must be string or compiled pattern")


def search(pattern: Any, string: Any, flags: int = 0) -> Match | None:
    """Find the first place where the pattern matches."""
    return compile_pattern(pattern, flags).search(string)


def match(pattern: Any, string: Any, flags: int = 0) -> Match | None:
    """Match at the beginning of the text."""
    return compile_pattern(pattern, flags).match(string)


def fullmatch(pattern: Any, string: Any, flags: int = 0) -> Match | None:
    """Match the whole text."""
    return compile_pattern(pattern, flags).fullmatch(string)


def findall(pattern: Any, string: Any, flags: int = 0) -> list[Any]:
    """Return all matches: texts, or tuples of groups."""
    return compile_pattern(pattern, flags).findall(string)


def finditer(pattern: Any, string: Any, flags: int = 0) -> Iterator[Match]:
    """Go through all matches."""
    return compile_pattern(pattern, flags).finditer(string)


def split(pattern: Any, string: Any, maxsplit: int = 0, flags: int = 0) -> list[Any]:
    """Split the text where the pattern matches."""
    return compile_pattern(pattern, flags).split(string, maxsplit)


def sub(
    pattern: Any,
    repl: str | bytes | Callable[[Match], Any],
    string: Any,
    count: int = 0,
    flags: int = 0,
) -> Any:
    """Replace the matches by a template or by what a function returns."""
    return compile_pattern(pattern, flags).sub(repl, string, count)


def subn(
    pattern: Any,
    repl: str | bytes | Callable[[Match], Any],
    string: Any,
    count: int = 0,
    flags: int = 0,
) -> tuple[Any, int]:
    """Replace the matches, and count them."""
    return compile_pattern(pattern, flags).subn(repl, string, count)


_SPECIAL = {ord(character): "\\" + character for character in "()[]{}?*+-|^$\\.&~# \t\n\r\v\f"}


def escape(pattern: Any) -> Any:
    """Escape what is special in a pattern."""
    if isinstance(pattern, str):
        return pattern.translate(_SPECIAL)
    return str(bytes(pattern), "latin-1").translate(_SPECIAL).encode("latin-1")


def part() -> Part:
    """Build the facade of regular expressions."""
    short = {name[0]: value for name, value in FLAGS.items()} | {"X": FLAGS["VERBOSE"]}
    return Part(
        {
            "re": {
                "compile": compile_pattern,
                "search": search,
                "match": match,
                "fullmatch": fullmatch,
                "findall": findall,
                "finditer": finditer,
                "split": split,
                "sub": sub,
                "subn": subn,
                "escape": escape,
                "error": RegexError,
                "Pattern": Pattern,
                "Match": Match,
                **FLAGS,
                **short,
            }
        },
        (
            (RegexError, "add_note args msg pattern pos"),
            (
                Pattern,
                "findall finditer flags fullmatch groupindex groups match pattern search split sub subn",
            ),
            (
                Match,
                "end endpos expand group groupdict groups lastgroup lastindex pos re span start string",
            ),
        ),
    )
