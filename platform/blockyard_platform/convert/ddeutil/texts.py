"""Texts that hold expressions, and the values around them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from blockyard_platform.convert.ddeutil.expressions import foreign, is_lone, lone
from blockyard_platform.convert.errors import NoEqualError
from blockyard_platform.errors import ExpressionError
from blockyard_platform.placeholders import pieces
from blockyard_platform.plain import is_list, is_mapping

if TYPE_CHECKING:
    from blockyard_platform.admission.walk import Pointer
    from blockyard_platform.convert.ddeutil.index import Index

_VARIABLE = re.compile(r"(?<!\$)(\$*)\$\{([A-Za-z_][A-Za-z0-9_]*)[:}]")


def value(data: Any, pointer: Pointer, index: Index) -> Any:
    """Return a value with every text in it translated; the keys stay."""
    if isinstance(data, str):
        return text(data, pointer, index)
    if is_list(data):
        return [value(item, (*pointer, place), index) for place, item in enumerate(data)]
    if is_mapping(data):
        return {key: value(item, (*pointer, key), index) for key, item in data.items()}
    return data


def text(data: str, pointer: Pointer, index: Index) -> str:
    """Return a text with its expressions translated.

    What has no equal stays as it is written, so that it is refused when the document is to be run.
    """
    return "".join(
        environment(piece, pointer, index).replace("${{", "$${{")
        if literal
        else "${{ " + expression(piece, pointer, index) + " }}"
        for literal, piece in parts(data, pointer, index)
    )


def parts(data: str, pointer: Pointer, index: Index) -> list[tuple[bool, str]]:
    """Return a text's literal pieces and expressions; one that is not closed is literal there, and so here."""
    try:
        return list(pieces(data))
    except ExpressionError as error:
        index.findings.differs(pointer, str(error), "it stays text, as there; close it with }}")
        return [(True, data)]


def environment(
    data: str, pointer: Pointer, index: Index, own: frozenset[str] = frozenset()
) -> str:
    """Note the host's variables (``${NAME}``) of a text, and undo their escape (``$${NAME}``).

    ``own`` are variables that its shell knows.
    """
    for found in _VARIABLE.finditer(data):
        if found.group(1):
            continue
        if found.group(2) in own:
            index.findings.differs(
                pointer,
                f"${{{found.group(2)}}} is the shell's own variable here; there the host's took its place",
                "this is what `env` of the stage says",
            )
        else:
            index.findings.lost(
                pointer,
                f"a document does not see the host's environment: ${{{found.group(2)}}}",
                "declare a param, and hand it over by ${{ params.x }}, in a shell by `env`",
            )
    return _VARIABLE.sub(lambda found: found.group()[1:] if found.group(1) else found.group(), data)


def expression(source: str, pointer: Pointer, index: Index) -> str:
    """Return what stands between the braces in our words; what has no equal is noted, and stays."""
    try:
        if is_lone(source):
            return lone(source, index)
        found = foreign(source, index)
    except NoEqualError as error:
        index.findings.lost(pointer, error.what, error.advice)
        return source.strip()
    index.findings.differs(
        pointer,
        f"'{source.strip()[:60]}' is more than a path with filters, and stays text there",
        "here it is evaluated, as a Python expression",
    )
    return found
