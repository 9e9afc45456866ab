"""Texts to plain data with the place of everything: YAML 1.2 (core schema) and JSON, within bounds.

Plain data is ``None``, ``bool``, ``int``, finite ``float``, ``str``, and lists and string-keyed dicts of these. A
value that an alias stands for is shared, not copied; its size counts each time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from blockyard_schemas.decoding import check_printable, decoded
from blockyard_schemas.findings import Findings
from blockyard_schemas.limits import ReadLimits
from blockyard_schemas.places import Places
from blockyard_schemas.plain import is_list, is_mapping
from blockyard_schemas.problems import InvalidDocumentError

__all__ = ["ReadLimits", "Source", "from_data", "read"]

Syntax: TypeAlias = Literal["yaml", "json"]
_LOOKS_LIKE_JSON = re.compile(r'\s*(?:\{\s*["}]|\[|")')
_DEFAULT = ReadLimits()
_DATA = ReadLimits(nodes=250_000)
"""Values of Python are there already: to count more of them takes no parsing."""


@dataclass(frozen=True, eq=False)
class Source:
    """What a text holds (``data``) and where each part of it stands."""

    data: Any
    _places: Places | None = field(default=None, repr=False)
    _marks: Mapping[int, list[int]] = field(default_factory=dict[int, list[int]], repr=False)
    _root_at: int = field(default=0, repr=False)

    def locate(self, pointer: str, *, key: bool = False) -> tuple[int, int] | None:
        """Return line and column, from 1, of the value at a JSON pointer; with ``key``, of its key in the mapping.

        A pointer to what is not there gives the place of the nearest thing around it. A document that was built in Python
        has no places: ``None``.
        """
        if self._places is None:
            return None
        value, at = self.data, self._root_at
        parts = pointer.split("/")[1:]
        for count, part in enumerate(parts, 1):
            marks = self._marks.get(id(value))
            name = part.replace("~1", "/").replace("~0", "~")
            last = count == len(parts)
            if marks is None:
                break
            if is_mapping(value) and name in value:
                index = 2 * list(value).index(name)
                at = marks[index if key and last else index + 1]
                value = value[name]
            elif is_list(value) and _is_index(name, len(value)):
                at = marks[int(name)]
                value = value[int(name)]
            else:
                break
        return self._places.of(at)

    def locate_line(self, pointer: str, number: int, line: str) -> tuple[int, int] | None:
        """Return the place of a line of the text at a JSON pointer; where the document folds or escapes it, the place of the text.

        ``number`` counts lines from 1, and ``line`` is what stands there.
        """
        place = self.locate(pointer)
        if place is None or self._places is None or not line.strip():
            return place
        for found in (place[0] + number, place[0] + number - 1):  # a block begins below its mark
            column = self._places.column_in(found, line.strip())
            if column is not None:
                return found, column
        return place


def read(
    text: bytes | str, *, limits: ReadLimits = _DEFAULT, syntax: Syntax | None = None
) -> Source:
    """Read a text; raise InvalidDocumentError with all problems that were found.

    Without ``syntax``, what begins as a JSON object with a quoted key, or as a list or text of valid JSON, is JSON.
    """
    text = decoded(text, limits)
    if syntax == "json" or (syntax is None and _LOOKS_LIKE_JSON.match(text)):
        try:
            return _read_json(text, limits)
        except InvalidDocumentError as error:
            certain = syntax == "json" or text.lstrip()[0] == "{"
            if certain or all(problem.rule != "json" for problem in error.problems):
                raise
    return _read_yaml(text, limits)


def from_data(data: Any, *, limits: ReadLimits = _DATA) -> Source:
    """Return a copy of data that was built in Python as a document; raise InvalidDocumentError when it is not plain."""
    from blockyard_schemas.plain_data import PlainCopy

    findings = Findings(None, limits.problems)
    copy = PlainCopy(limits, findings).of(data)
    findings.check()
    return Source(copy)


def _is_index(name: str, count: int) -> bool:
    return name.isascii() and name.isdecimal() and len(name) < 10 and int(name) < count


def _read_json(text: str, limits: ReadLimits) -> Source:
    from blockyard_schemas.json_text import JsonText

    places = Places(text)
    reading = JsonText(text, limits, Findings(places, limits.problems))
    return Source(reading.read(), places, reading.marks, reading.root_at)


def _read_yaml(text: str, limits: ReadLimits) -> Source:
    from blockyard_schemas.yaml_text import YamlText

    check_printable(text)
    places = Places(text)
    reading = YamlText(text, limits, Findings(places, limits.problems))
    return Source(reading.read(), places, reading.marks, reading.root_at)
