"""Conditions (``if``, ``until``): a text that is filled in and then evaluated there, one expression here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from blockyard_platform.convert.ddeutil.expressions import foreign, is_lone, lone, python
from blockyard_platform.convert.ddeutil.paths import read_path
from blockyard_platform.convert.ddeutil.scanning import Scanner, alone_in_quotes
from blockyard_platform.convert.ddeutil.texts import parts
from blockyard_platform.convert.errors import NoEqualError

if TYPE_CHECKING:
    from blockyard_platform.admission.walk import Pointer
    from blockyard_platform.convert.ddeutil.index import Index

_PARAM = re.compile(r"\s*params\.[A-Za-z0-9_-]+\s*")
_GIVES_TEXT = re.compile(r"\|\s*+(?:fmt|lower|rstr|str|title|upper)\s*+(?:\([^()]*+\)\s*+)?\Z")
_WORDS = {"true": True, "false": False}


def condition(data: Any, pointer: Pointer, index: Index) -> Any:
    """Return a condition; one that has no equal stays as it is written and is noted."""
    if isinstance(data, bool):
        if pointer[-1] in ("if", "condition"):
            _note_flag(data, pointer, index)
        return data
    if not isinstance(data, str) or not data.strip():
        return data
    if data.strip().lower() in _WORDS:
        return _WORDS[data.strip().lower()]
    found = parts(data.strip(), pointer, index)
    try:
        return "${{ " + _joined(found, index) + " }}"
    except NoEqualError as error:
        index.findings.lost(pointer, error.what, error.advice)
        return data


def _note_flag(data: bool, pointer: Pointer, index: Index) -> None:
    word, there = ("true", "skips") if data else ("false", "runs")
    here = "runs" if data else "skips"
    index.findings.differs(
        pointer,
        f"there `if: {word}` {there} the stage; here it {here} it",
        "write the other one if the stage did what it should",
    )


def _joined(found: list[tuple[bool, str]], index: Index) -> str:
    if len(found) == 1:
        literal, piece = found[0]
        if not literal and is_lone(piece):
            return lone(piece, index)
        return foreign(piece, index)
    scanner, text = Scanner(), [""]
    for place, (literal, piece) in enumerate(found):
        if literal:
            scanner.feed(piece)
            text.append(piece)
            continue
        after = found[place + 1][1] if place + 1 < len(found) else ""
        if not scanner.state:
            text.append(python(piece, index))
        elif alone_in_quotes(text[-1], scanner.state, after):
            text[-1] = text[-1][:-1]
            text.append(_as_text(piece, index))
            found[place + 1] = (True, after[1:])
            scanner.state = ""
        else:
            raise NoEqualError(
                "an expression inside of a longer text of a condition",
                "join the text in a stage before, or write 'a' + str(params.x)",
            )
    return "".join(text).strip()


def _as_text(source: str, index: Index) -> str:
    found = python(source, index)
    if _GIVES_TEXT.search(source):
        return found
    if _PARAM.fullmatch(source) and read_path(source)[1].name in index.texts:
        return found
    return f"str({found})"
