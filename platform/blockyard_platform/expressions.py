"""What stands between ``${{`` and ``}}``: read, never evaluated, in the platform's process.

Four forms. A **literal** (``true``, ``3``, ``'text'``) and a **path** (``params.a[0]?.b | upper``) are resolved here by
look-up; one that goes through a **block** as a filter (``params.a | text.strip``) asks the guest for it. Anything else is a restricted Python expression for the guest; of that only the names it may need are found,
by their spelling, rather too many than too few.

In a path a name may hold hyphens (``stages.read-csv.outputs``), so a subtraction takes spaces: ``params.a - params.b``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from blockyard_platform.errors import ExpressionError
from blockyard_platform.filters import FILTERS
from blockyard_platform.syntax import (
    Expression,
    FilterCall,
    GuestExpression,
    Literal,
    Path,
    Piped,
    Step,
)
from blockyard_schemas.nearest import nearest

ROOTS = frozenset(
    {
        "params",
        "stages",
        "jobs",
        "matrix",
        "item",
        "loop",
        "branch",
        "case",
        "retry",
        "run",
        "error",
    }
)
"""Every name that an expression may begin with, somewhere."""

MAX_SOURCE = 10_000
"""Characters of one expression."""

_KEYED = frozenset({"params", "stages", "jobs"})
_WORDS = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}

_HEAD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*)")
_DIGITS = re.compile(r"\.(\d{1,9})(?![A-Za-z0-9_])")
_INDEX = re.compile(r"\[\s*(-?\d{1,9})\s*\]")
_QUOTED = re.compile(r"\[\s*('[^'\\]*'|\"[^\"\\]*\")\s*\]")
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?(?![\w.])")
_STRING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_PIPE = re.compile(r"\s*\|\s*([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*(?:@v\d+)?)?)")
_SPACE = re.compile(r"\s*")
_REFERENCE = re.compile(
    r"(?<![\w.])(" + "|".join(sorted(ROOTS)) + r")\b"
    r"(?:\s*\.\s*([A-Za-z_][A-Za-z0-9_]*)|\s*\[\s*(?:'([^'\\\n]*)'|\"([^\"\\\n]*)\")\s*\])?"
)


def parse(source: str, roots: frozenset[str] = ROOTS) -> Expression:
    """Read one expression; raise ExpressionError when no form fits or a name is not one of ``roots``."""
    text = source.strip()
    if not text:
        raise ExpressionError(
            "an expression is empty", "write a name between the braces, as in ${{ params.x }}"
        )
    if len(text) > MAX_SOURCE:
        raise ExpressionError(
            f"an expression is longer than {MAX_SOURCE} characters", "use a python stage"
        )
    return _literal(text, roots) or _path(text, roots) or GuestExpression(text, needs_of(text))


def needs_of(text: str) -> tuple[tuple[str, str | None], ...]:
    """Return what an expression may read, by spelling alone; for ``item`` and its like always the whole."""
    found: dict[tuple[str, str | None], None] = {}
    for match in _REFERENCE.finditer(text):
        root, *keys = match.groups()
        key = next((key for key in keys if key is not None), None)
        found[(root, key if root in _KEYED else None)] = None
    return tuple(found)


def _piped(value: Literal | Path) -> Literal | Path | Piped:
    """Part the filters at the first that is a block."""
    first = next((at for at, call in enumerate(value.filters) if call.is_block), None)
    if first is None:
        return value
    return Piped(replace(value, filters=value.filters[:first]), value.filters[first:])


def _literal(text: str, roots: frozenset[str]) -> Literal | Piped | Path | None:
    matched = _literal_at(text, 0)
    if matched is None:
        return None
    value, end = matched
    filters = _filters(text, end, roots)
    return None if filters is None else _piped(Literal(value, filters))


def _literal_at(text: str, start: int) -> tuple[Any, int] | None:
    if found := _NUMBER.match(text, start):
        number = found.group()
        return (float(number) if "." in number else int(number)), found.end()
    if found := _STRING.match(text, start):
        inner = found.group()[1:-1]
        return _ESCAPE.sub(lambda it: _ESCAPES.get(it.group(1), it.group(1)), inner), found.end()
    if (found := _HEAD.match(text, start)) and found.group() in _WORDS:
        return _WORDS[found.group()], found.end()
    return None


def _path(text: str, roots: frozenset[str]) -> Path | Piped | Literal | None:
    head = _HEAD.match(text)
    if head is None:
        return None
    steps, position = _steps(text, head.end())
    filters = _filters(text, position, roots)
    if filters is None:
        return None
    root = head.group()
    if root not in roots:
        near = nearest(root, roots)
        hint = f"did you mean '{near}'?" if near else f"names: {', '.join(sorted(roots))}"
        if root in ("secret", "secrets"):
            hint = "no expression reads a secret: a host block is handed one with {secret: NAME}"
        raise ExpressionError(f"'{root}' is not a name that expressions know", hint, "unknown-name")
    return _piped(Path(text, root, steps, filters))


def _steps(text: str, position: int) -> tuple[tuple[Step, ...], int]:
    steps: list[Step] = []
    while True:
        found: re.Match[str] | None
        key: str | int
        if found := _NAME.match(text, position) or _DIGITS.match(text, position):
            key = found.group(1)
        elif found := _INDEX.match(text, position):
            key = int(found.group(1))
        elif found := _QUOTED.match(text, position):
            key = found.group(1)[1:-1]
        else:
            return tuple(steps), position
        position = found.end()
        optional = text.startswith("?", position)
        position += optional
        steps.append(Step(key, optional))


def _filters(text: str, position: int, roots: frozenset[str]) -> tuple[FilterCall, ...] | None:
    """Return the filters up to the end of the text, or ``None`` when the rest is something else."""
    calls: list[FilterCall] = []
    while True:
        position = _skip(text, position)
        if position == len(text):
            return tuple(_known(call) for call in calls)
        found = _PIPE.match(text, position)
        if found is None or found.group(1).partition(".")[0] in roots or found.group(1) in _WORDS:
            return None
        arguments, position = _arguments(text, found.end())
        if arguments is None:
            return None
        calls.append(FilterCall(found.group(1), arguments))


def _arguments(text: str, position: int) -> tuple[tuple[Any, ...] | None, int]:
    if not text.startswith("(", position):
        return (), position
    position = _skip(text, position + 1)
    values: list[Any] = []
    while not text.startswith(")", position):
        matched = _literal_at(text, position)
        if matched is None:
            return None, position
        values.append(matched[0])
        position = _skip(text, matched[1])
        if text.startswith(",", position):
            position = _skip(text, position + 1)
        elif not text.startswith(")", position):
            return None, position
    return tuple(values), position + 1


def _known(call: FilterCall) -> FilterCall:
    if call.is_block:
        return call
    known = FILTERS.get(call.name)
    if known is None:
        near = nearest(call.name, FILTERS)
        hint = f"did you mean '{near}'?" if near else f"filters: {', '.join(FILTERS)}"
        raise ExpressionError(f"there is no filter '{call.name}'", hint, "unknown-filter")
    if not known.least <= len(call.arguments) <= known.most:
        span = f"{known.least}" if known.least == known.most else f"{known.least} to {known.most}"
        raise ExpressionError(
            f"the filter '{call.name}' takes {span} arguments, not {len(call.arguments)}",
            "arguments are literals in parentheses, as in coalesce('none')",
        )
    return call


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position
