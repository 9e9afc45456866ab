"""A statement with :name in it, as PostgreSQL wants it: $1, and the values beside it. What is quoted stays as it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blockyard_platform.containers import fail
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_platform.host_blocks.databases.results import Statement

# Each form ends with the text when nothing else ends it, so that no text is looked through twice. The server decides
# what a statement is: a form that is read wrongly here makes an error there.
_TOKEN = re.compile(
    r"""
      (?P<space> \s++ | --[^\n]*+ | /\*(?s:.)*?(?:\*/|\Z) )
    | (?P<quoted> (?i:\be)'(?:[^'\\]|\\(?s:.)|'')*+(?:'|\Z) | '(?:[^']|'')*+(?:'|\Z) | "[^"]*+(?:"|\Z) )
    | (?P<dollars> \$(?P<tag>[A-Za-z_]*)\$(?s:.)*?(?:\$(?P=tag)\$|\Z) )
    | (?P<cast> :: )
    | : (?P<name> [A-Za-z_][A-Za-z0-9_]* )
    | (?P<word> [A-Za-z0-9_]++ )
    | (?P<other> (?s:.) )
    """,
    re.VERBOSE,
)
_QUERIES = frozenset({"select", "values", "with", "table"})
_CHANGES = frozenset({"insert", "update", "delete", "merge"})


@dataclass(frozen=True, slots=True)
class Numbered:
    """A statement for PostgreSQL: whether its first word says that it changes something, and whether it may give rows then."""

    text: bytes
    values: list[Any]
    changes: bool
    returns: bool


def numbered_of(statement: Statement) -> Numbered:
    """Return a statement with its values in the order of their numbers; raise StageFailureError."""
    check_begin(statement.text)
    pieces: list[str] = []
    names: list[str] = []
    words: list[str] = []
    for found in _TOKEN.finditer(statement.text):
        name = found["name"]
        if name is None:
            pieces.append(found[0])
        else:
            if name not in names:
                names.append(name)
            pieces.append(f"${names.index(name) + 1}")
        if found["word"]:
            words.append(found["word"].lower())
    _check(names, statement)
    first = words[0]
    changes = first in _CHANGES or (first == "with" and bool(_CHANGES & set(words)))
    try:
        text = "".join(pieces).encode()
    except UnicodeEncodeError:
        raise fail(Code.INVALID_ARGUMENT, "the statement holds half of a character") from None
    values = [statement.params[name] for name in names]
    return Numbered(text, values, changes, first == "with" or "returning" in words)


def check_begin(text: str) -> None:
    """Check that a statement is one that reads or changes rows, by its first word; raise StageFailureError for any other."""
    first = next((found["word"] for found in _TOKEN.finditer(text) if found["word"]), "")
    if first.lower() not in _QUERIES | _CHANGES:
        known = ", ".join(sorted(_QUERIES | _CHANGES))
        raise fail(Code.INVALID_ARGUMENT, f"a statement begins with one of {known}")


def _check(names: list[str], statement: Statement) -> None:
    if len(names) > 1_000:
        raise fail(Code.INVALID_ARGUMENT, "a statement has at most 1000 values")
    for words, some in (
        ("wants a value for", set(names) - set(statement.params)),
        ("has no place for the value of", set(statement.params) - set(names)),
    ):
        if some:
            raise fail(Code.INVALID_ARGUMENT, f"the statement {words} {min(some)[:60]!a}")
