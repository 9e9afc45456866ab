"""What libyaml says of wrong syntax, in words that help."""

from __future__ import annotations

from collections.abc import Iterable

from yaml import MarkedYAMLError

from blockyard_schemas.findings import Findings
from blockyard_schemas.problems import InvalidDocumentError

_QUOTE_EXPRESSION = "inside [ ] or { }, put an expression in quotes: '${{ ... }}'"
_AT_THE_BEGINNING = ("unexpected end of stream", "could not find expected ':'")
"""What the parser notices later than where it is wrong."""
_HINTS: tuple[tuple[str, str], ...] = (
    (
        "mapping values are not allowed",
        "a text that holds ': ' must be in quotes; or the line above is indented differently",
    ),
    ("'\\t'", "indent with spaces, not with tabs"),
    ("a tab character", "indent with spaces, not with tabs"),
    ("cannot start any token", "put the text in quotes"),
    (
        "could not find expected ':'",
        "a line of a mapping is `key: value`; is a colon missing, or the indentation off?",
    ),
    (
        "expected <block end>",
        "check the indentation: this line belongs to no list or mapping above",
    ),
    ("expected key", "check the indentation: this line belongs to no mapping above"),
    ("expected '-' indicator", "check the indentation: the items of a list begin in one column"),
    ("unexpected end of stream", "close the quotes that are open"),
    ("expected ',' or ']'", "close the list with ], and put a comma between its items"),
    ("expected ',' or '}'", "close the mapping with }, and put a comma between its entries"),
    ("expected node content", "a value is missing here"),
    ("expected alphabetic or numeric", "a text that begins with * or & must be in quotes"),
    (
        "escape character",
        "in double quotes a backslash begins an escape: use single quotes, or \\\\",
    ),
    ("block scalar", "after | or > the text begins on the next line, indented"),
    ("duplicate %YAML", "take the directive out"),
    ("incompatible YAML document", "take the line that begins with %YAML out"),
    ("undefined tag handle", "documents are plain data: take the tag out"),
)


def explain(
    error: MarkedYAMLError, text: str, findings: Findings, path: Iterable[str | int]
) -> InvalidDocumentError:
    """Return the problem of a syntax error, with its place and a hint."""
    what = str(error.problem or error.context or "the text is not YAML")
    mark = error.problem_mark or error.context_mark
    if error.context_mark is not None and any(it in what for it in _AT_THE_BEGINNING):
        mark = error.context_mark
    at: int | None = mark.index if mark is not None else None
    message = f"YAML syntax: {what}"
    if error.context:
        message += f" ({error.context}{_beginning(error, findings)})"
    return findings.stop("yaml", message, _hint(what, error, text, at), at=at, path=path)


def _beginning(error: MarkedYAMLError, findings: Findings) -> str:
    if error.context_mark is None:
        return ""
    line, _ = findings.place(error.context_mark.index) or (0, 0)
    return f" that begins at line {line}"


def _hint(what: str, error: MarkedYAMLError, text: str, at: int | None) -> str:
    if at is not None and "flow" in str(error.context) and "${{" in _line(text, at):
        return _QUOTE_EXPRESSION
    if at is not None and text[at : at + 1] == "\t":
        return "indent with spaces, not with tabs"
    return next(
        (hint for part, hint in _HINTS if part in what),
        "check the indentation, quotes and colons here",
    )


def _line(text: str, at: int) -> str:
    begin = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    return text[begin : end if end >= 0 else len(text)][:500]
