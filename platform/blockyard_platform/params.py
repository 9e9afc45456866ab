"""The params of one run: values, and texts as a command line has them, against what the document declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_schemas.params import coerce_text, resolve_params
from blockyard_schemas.problems import InvalidDocumentError, Problem, pointer_of

if TYPE_CHECKING:
    from collections.abc import Mapping


def bind(
    declared: Mapping[str, Any], values: Mapping[str, Any], texts: Mapping[str, str]
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Return all params with defaults applied, or what is wrong: unknown, missing or unfit ones.

    A text is read by the declared type of its param.
    """
    problems: list[Problem] = []
    given = dict(values)
    for name, text in texts.items():
        if name in values:
            message = f"the param '{name}' is given twice, as a value and as a text"
            problems.append(Problem("param", pointer_of(("params", name)), message))
            continue
        try:
            given[name] = coerce_text(declared, name, text)
        except InvalidDocumentError as error:
            problems += error.problems
    if problems:
        return {}, tuple(problems)
    try:
        return resolve_params(declared, given), ()
    except InvalidDocumentError as error:
        return {}, error.problems
