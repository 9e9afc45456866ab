"""What stands between ``${{`` and ``}}``: a path with filters, or what ddeutil-workflow leaves as it is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from blockyard_platform.convert.ddeutil.paths import ROOTS, read_path, translated
from blockyard_platform.convert.errors import NoEqualError
from blockyard_platform.convert.paths import as_path, as_python
from blockyard_platform.filters import FILTERS

if TYPE_CHECKING:
    from blockyard_platform.convert.ddeutil.index import Index

_PATH = r"[A-Za-z_-]+\??(?:\.[A-Za-z0-9_-]+\??)*"
_FILTER = r"\s*+\|\s*+([A-Za-z0-9_]++)(?:\s*+\(([^()]*+)\))?"
_LONE = re.compile(rf"\s*+({_PATH})((?:{_FILTER})*+)\s*+")
_CALL = re.compile(_FILTER)
_REFERENCE = re.compile(rf"(?<![\w.'\"])(?:{'|'.join(ROOTS)}|release)(?:\??\.[A-Za-z0-9_-]+)+\??")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*+(?:'|\\?\Z)|\"(?:[^\"\\]|\\.)*+(?:\"|\\?\Z)", re.DOTALL)
_WORDS = re.compile(r"\b(true|false|null)\b|(&&)|(\|\|)")
_PYTHON = {"true": "True", "false": "False", "null": "None", "&&": " and ", "||": " or "}
_IN_PYTHON = {
    "abs": "abs({0})",
    "coalesce": "({1} if {0} is None else {0})",
    "dict": "dict({0})",
    "getindex": "{0}[{1}]",
    "getitem": "{0}.get({1})",
    "int": "int({0})",
    "keys": "list({0}.keys())",
    "list": "list({0})",
    "lower": "{0}.lower()",
    "rstr": "repr({0})",
    "str": "str({0})",
    "title": "{0}.title()",
    "upper": "{0}.upper()",
    "values": "list({0}.values())",
}


def is_lone(source: str) -> bool:
    """Whether this is what ddeutil-workflow takes for an expression: a path, then filters."""
    return _LONE.fullmatch(source) is not None


def lone(source: str, index: Index) -> str:
    """Return an expression for the place between our braces; raise NoEqualError when there is none."""
    path, filters = _read(source)
    calls = [name + (f"({given})" if given else "") for name, given in filters]
    return " | ".join([as_path(translated(read_path(path), index)), *calls])


def python(source: str, index: Index) -> str:
    """Return the same as a part of a longer expression; raise NoEqualError when there is none."""
    if not is_lone(source):
        return f"({foreign(source, index)})"
    path, filters = _read(source)
    text = as_python(translated(read_path(path), index))
    for name, given in filters:
        if name not in _IN_PYTHON:
            raise NoEqualError(
                f"the filter '{name}' inside of a longer expression",
                "format the value in a python stage before",
            )
        text = _IN_PYTHON[name].format(text, given)
    return text


def foreign(source: str, index: Index) -> str:
    """Return an expression that is more than a path, in Python's words, with the paths in it as ours."""
    pieces: list[str] = []
    position = 0
    for quoted in _QUOTED.finditer(source):
        pieces += [_unquoted(source[position : quoted.start()], index), quoted.group()]
        position = quoted.end()
    return "".join([*pieces, _unquoted(source[position:], index)]).strip()


def _unquoted(text: str, index: Index) -> str:
    text = _REFERENCE.sub(
        lambda found: as_python(translated(read_path(found.group()), index)), text
    )
    return re.sub(r" {2,}", " ", _WORDS.sub(lambda found: _PYTHON[found.group()], text))


def _read(source: str) -> tuple[str, list[tuple[str, str]]]:
    found = _LONE.fullmatch(source)
    if found is None:
        raise NoEqualError("an expression that cannot be read", "write it anew")
    filters = [(it.group(1), (it.group(2) or "").strip()) for it in _CALL.finditer(found.group(2))]
    for name, _ in filters:
        if name not in FILTERS:
            raise NoEqualError(
                f"there is no filter '{name}'",
                f"filters: {', '.join(FILTERS)}; for more than these use a block, as in | mine.mask(2)",
            )
    return found.group(1), filters
