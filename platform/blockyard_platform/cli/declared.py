"""Texts of a command line as values, by the types that a document declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from blockyard_platform.cli.inputs import read_params, split_params
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def given_params(
    pairs: Sequence[str], file: str | None, declared: Callable[[], Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the params of ``--params`` and ``--param``; what is declared is asked for when a text has to be read. Raises InvalidDocumentError."""
    values = read_params(file)
    texts = split_params(pairs)
    twice = next((name for name in texts if name in values), None)
    if twice is not None:
        message = f"the param '{twice}' is given twice, in the file and as --param"
        raise InvalidDocumentError([Problem("param", "", message, "give each param once")])
    return values | (typed(texts, declared()) if texts else {})


def typed(texts: Mapping[str, str], declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return texts as values by their declared types. Raises InvalidDocumentError with every one that does not fit."""
    from blockyard_schemas.params import coerce_text

    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, text in texts.items():
        try:
            values[name] = coerce_text(declared, name, text)
        except InvalidDocumentError as error:
            problems += error.problems
    if problems:
        raise InvalidDocumentError(problems)
    return values


def params_of(document: Any) -> dict[str, Any]:
    """Return what a document declares; nothing when it has no params that could be read."""
    found: Any = document.get("params") if isinstance(document, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def params_of_text(text: str | bytes) -> dict[str, Any]:
    """Return what the text of a document declares. Raises InvalidDocumentError when it cannot be read."""
    from blockyard_platform.loading import load_document

    return params_of(load_document(text).data)
