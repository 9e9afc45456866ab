"""Counts what is read, and stops the reading when a bound is passed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from blockyard_schemas.findings import Findings
from blockyard_schemas.limits import ReadLimits
from blockyard_schemas.problems import InvalidDocumentError

Path = Sequence[str | int]


class Meter:
    """What one reading has counted so far; ``path`` tells where it is."""

    def __init__(self, limits: ReadLimits, findings: Findings, path: Callable[[], Path]) -> None:
        """Begin at nothing."""
        self._limits = limits
        self._findings = findings
        self._path = path
        self._nodes = 0
        self._text = 0
        self._aliases = 0

    def count(self, nodes: int, text: int, at: int | None = None) -> None:
        """Count values and characters; raise InvalidDocumentError (limit) when there are too many."""
        self._nodes += nodes
        self._text += text
        if self._nodes > self._limits.nodes:
            raise self._passed(
                f"the document holds more than {self._limits.nodes} values, aliases followed",
                "split it, or use fewer aliases",
                at,
            )
        if self._text > self._limits.text:
            raise self._passed(
                f"the document holds more than {self._limits.text} characters, aliases followed",
                "split it, or use fewer aliases",
                at,
            )

    def alias(self, at: int) -> None:
        """Count one use of an alias."""
        self._aliases += 1
        if self._aliases > self._limits.aliases:
            raise self._passed(
                f"the document uses more than {self._limits.aliases} aliases",
                "write the values out, or split it",
                at,
            )

    def depth(self, depth: int, at: int | None = None) -> None:
        """Check how deep lists and mappings lie in each other."""
        if depth > self._limits.depth:
            raise self._passed(
                f"lists and mappings are nested more than {self._limits.depth} deep",
                "move inner parts outwards",
                at,
            )

    def _passed(self, message: str, hint: str, at: int | None) -> InvalidDocumentError:
        return self._findings.stop("limit", message, hint, at=at, path=self._path())
