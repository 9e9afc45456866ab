"""Copies of data that was built in Python, held to the same bounds as a text."""

from __future__ import annotations

import math
import re
from typing import Any

from blockyard_schemas.findings import Findings
from blockyard_schemas.limits import ReadLimits
from blockyard_schemas.meter import Meter

_WRONG = re.compile("[\x00\ud800-\udfff]")


class PlainCopy:
    """Copies one value; tuples become lists, and subclasses of the plain types those types."""

    def __init__(self, limits: ReadLimits, findings: Findings) -> None:
        """Begin with nothing counted."""
        self._limits = limits
        self._findings = findings
        self._path: list[str | int] = []
        self._meter = Meter(limits, findings, lambda: self._path)

    def of(self, value: Any) -> Any:
        """Return the copy; raise InvalidDocumentError when a bound is passed."""
        self._meter.count(1, 0)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int | float):
            return self._number(value)
        if isinstance(value, list | tuple | dict):
            return self._container(value)
        self._findings.add(
            "type",
            f"a value of the type {type(value).__name__} is not plain data",
            "use text, numbers, true, false, null, lists and mappings",
            path=self._path,
        )
        return None

    def _container(self, value: Any) -> Any:
        self._meter.depth(len(self._path) + 1)
        self._path.append(0)
        copy = self._mapping(value) if isinstance(value, dict) else self._list(value)
        self._path.pop()
        return copy

    def _list(self, value: Any) -> list[Any]:
        copy: list[Any] = []
        for index, item in enumerate(value):
            self._path[-1] = index
            copy.append(self.of(item))
        return copy

    def _mapping(self, value: Any) -> dict[str, Any]:
        copy: dict[str, Any] = {}
        for key, item in value.items():
            self._path[-1] = str(key)[:60]
            if not isinstance(key, str):
                self._findings.add(
                    "key",
                    f"the key {str(key)[:40]} is not text",
                    "use text as keys",
                    path=self._path[:-1],
                )
                continue
            copy[self._text(key)] = self.of(item)
        return copy

    def _text(self, value: str) -> str:
        self._meter.count(0, len(value))
        if _WRONG.search(value):
            self._findings.add(
                "character",
                "a text holds a NUL character or half of a surrogate pair",
                "take it out",
                path=self._path,
            )
        return str.__str__(value)

    def _number(self, value: float) -> int | float:
        if isinstance(value, int):
            if value.bit_length() <= self._limits.digits * 3.3:
                return int(value)
            message = f"the number has more than {self._limits.digits} digits"
        elif math.isfinite(value):
            return float(value)
        else:
            message = f"{value} is not a finite number"
        self._findings.add("number", message, "use a text or null", path=self._path)
        return 0
