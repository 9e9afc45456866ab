r"""Regex: regular expressions whose time grows with the text alone (RE2).

In a pattern, ``(?s)`` lets ``.`` fit line ends too, and ``(?m)`` lets ``^`` and ``$`` fit at each line.
There are no look-aheads and no references back within a pattern (``(a)\1``): they are what makes others slow.
"""

import functools
import importlib
import re
from collections.abc import Iterator
from typing import Any

from blockyard_blocks.declaring import Example, family

regex_block = family("regex")
re2 = importlib.import_module("re2")  # it has no types of its own

_REFERENCE = re.compile(r"\\(?:(\d{1,2})|g<(\w+)>|(.))?", re.DOTALL)


@functools.lru_cache(maxsize=64)
def _compiled(pattern: str, ignore_case: bool) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not ignore_case
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        words = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"the pattern can't be read: {words}") from None


def _found(match: Any) -> dict[str, Any]:
    return {
        "text": match.group(0),
        "start": match.start(),
        "end": match.end(),
        "groups": list(match.groups()),
        "named": dict(match.groupdict()),
    }


@regex_block(Example({"text": "order 12", "pattern": r"\d+"}, True), name="test")
def fits(
    *,
    text: str,
    pattern: str,
    whole: bool = False,
    ignore_case: bool = False,
) -> bool:
    """Tell whether a pattern is found in a text.

    - text: the text
    - pattern: the regular expression
    - whole: the pattern must fit the whole text
    - ignore_case: take capital and small letters for the same
    """
    compiled = _compiled(pattern, ignore_case)
    return (compiled.fullmatch(text) if whole else compiled.search(text)) is not None


@regex_block(
    Example(
        {"text": "id=7;", "pattern": r"(?P<key>\w+)=(\d+)"},
        {"text": "id=7", "start": 0, "end": 4, "groups": ["id", "7"], "named": {"key": "id"}},
    ),
    Example({"text": "a", "pattern": "x"}, None),
)
def match(
    *,
    text: str,
    pattern: str,
    whole: bool = False,
    ignore_case: bool = False,
) -> dict[str, Any] | None:
    """Return the first place where a pattern fits, with its groups by number and by name; null when there is none.

    - text: the text
    - pattern: the regular expression; (...) and (?P<name>...) are groups
    - whole: the pattern must fit the whole text
    - ignore_case: take capital and small letters for the same
    """
    compiled = _compiled(pattern, ignore_case)
    found = compiled.fullmatch(text) if whole else compiled.search(text)
    return None if found is None else _found(found)


@regex_block(
    Example({"text": "a1 b22", "pattern": r"\d+"}, ["1", "22"]),
    Example({"text": "a=1 b=2", "pattern": r"(\w)=(\d)", "group": 2}, ["1", "2"]),
)
def find_all(
    *,
    text: str,
    pattern: str,
    group: int | str = 0,
    ignore_case: bool = False,
) -> list[str | None]:
    """Return all pieces of a text that a pattern fits, from left to right and without overlaps.

    - text: the text
    - pattern: the regular expression
    - group: which group of each, by number or name; 0 is the whole piece
    - ignore_case: take capital and small letters for the same
    """
    compiled = _compiled(pattern, ignore_case)
    _check_group(compiled, group)
    return [found.group(group) for found in _each(compiled, text)]


@regex_block(
    Example(
        {"text": "a=1", "pattern": r"(?P<k>\w)=(?P<v>\d)"},
        [
            {
                "text": "a=1",
                "start": 0,
                "end": 3,
                "groups": ["a", "1"],
                "named": {"k": "a", "v": "1"},
            }
        ],
    )
)
def match_all(
    *,
    text: str,
    pattern: str,
    ignore_case: bool = False,
) -> list[dict[str, Any]]:
    """Return all places where a pattern fits, each with its groups by number and by name.

    - text: the text
    - pattern: the regular expression; (...) and (?P<name>...) are groups
    - ignore_case: take capital and small letters for the same
    """
    compiled = _compiled(pattern, ignore_case)
    return [_found(found) for found in _each(compiled, text)]


def _each(compiled: Any, text: str) -> Iterator[Any]:
    """Yield each match once: the library gives an empty one at the end of a text twice."""
    last = None
    for found in compiled.finditer(text):
        if found.span() != last:
            yield found
        last = found.span()


def _check_group(compiled: Any, group: int | str) -> None:
    known = (
        group in compiled.groupindex if isinstance(group, str) else 0 <= group <= compiled.groups
    )
    if not known:
        raise ValueError(f"the pattern has no group {group!r}")


@regex_block(
    Example(
        {"text": "2026-01-31", "pattern": r"(\d+)-(\d+)-(\d+)", "replacement": r"\3.\2.\1"},
        "31.01.2026",
    ),
    Example({"text": "a  b c", "pattern": " +", "replacement": "_", "count": 1}, "a_b c"),
)
def replace(
    *,
    text: str,
    pattern: str,
    replacement: str,
    count: int = 0,
    ignore_case: bool = False,
) -> str:
    r"""Replace what a pattern fits.

    - text: the text
    - pattern: the regular expression
    - replacement: what to put in; \1 and \g<name> stand for groups, \\ for a backslash
    - count: at most so many, from the left; 0 is all
    - ignore_case: take capital and small letters for the same
    """
    compiled = _compiled(pattern, ignore_case)
    parts = _replacement_parts(compiled, replacement)
    kept: list[str] = []
    at = 0
    for number, found in enumerate(_each(compiled, text), 1):
        kept.append(text[at : found.start()])
        kept += [part if isinstance(part, str) else found.group(part[0]) or "" for part in parts]
        at = found.end()
        if number == count:
            break
    return "".join(kept) + text[at:]


def _replacement_parts(compiled: Any, replacement: str) -> list[str | tuple[int | str]]:
    """Return the texts of a replacement and, as tuples of one, the groups."""
    parts: list[str | tuple[int | str]] = []
    at = 0
    for found in _REFERENCE.finditer(replacement):
        number, name, other = found.groups()
        parts.append(replacement[at : found.start()])
        at = found.end()
        if number is None and name is None:
            if other != "\\":
                raise ValueError(
                    rf"{found[0]} has no meaning in a replacement; write \\ for a backslash"
                )
            parts.append("\\")
            continue
        group: int | str = name if number is None else int(number)
        _check_group(compiled, int(group) if str(group).isdecimal() else group)
        parts.append((int(group) if str(group).isdecimal() else group,))
    return [*parts, replacement[at:]]


@regex_block(Example({"text": "a, b;c", "pattern": "[,;] *"}, ["a", "b", "c"]))
def split(
    *,
    text: str,
    pattern: str,
    limit: int = 0,
    ignore_case: bool = False,
) -> list[str]:
    """Split a text where a pattern fits; what fits is left out.

    - text: the text
    - pattern: the regular expression
    - limit: at most so many splits, from the left; 0 is all
    - ignore_case: take capital and small letters for the same
    """
    parts: list[str] = []
    at = 0
    for number, found in enumerate(_each(_compiled(pattern, ignore_case), text), 1):
        parts.append(text[at : found.start()])
        at = found.end()
        if number == limit:
            break
    return [*parts, text[at:]]


@regex_block(Example({"text": "1+1"}, r"1\+1"))
def escape(*, text: str) -> str:
    """Return a pattern that fits exactly a text.

    - text: the text
    """
    return str(re2.escape(text))
