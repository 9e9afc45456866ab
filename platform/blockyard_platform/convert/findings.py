"""What there is to say of one foreign document, each with its place in that document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blockyard_platform.admission.reporting import Report
from blockyard_platform.convert import DIFFERS, NO_EQUAL

if TYPE_CHECKING:
    from blockyard_platform.admission.walk import Pointer
    from blockyard_schemas.problems import Problem
    from blockyard_schemas.reader import Source

_MOST = 99
"""Findings of each rule that are told; the others are counted."""


class Findings:
    """Collects what is lost and what differs."""

    def __init__(self, source: Source, prefix: Pointer = ()) -> None:
        """Begin with nothing found; ``prefix`` goes before each pointer."""
        self._report = Report(source)
        self._prefix = prefix
        self._counts = {NO_EQUAL: 0, DIFFERS: 0}

    def lost(self, pointer: Pointer, what: str, advice: str) -> None:
        """Note something that has no equal, and what to do about it."""
        self._add(NO_EQUAL, pointer, what, advice)

    def differs(self, pointer: Pointer, what: str, advice: str) -> None:
        """Note something that is converted and does not mean quite the same."""
        self._add(DIFFERS, pointer, what, advice)

    def all(self) -> tuple[Problem, ...]:
        """Return all of it in the order of the text."""
        for rule, count in self._counts.items():
            if count > _MOST:
                what = f"{count - _MOST} more of this kind are not shown"
                self._report.add(rule, self._prefix, what, "mend these first")
        return self._report.sorted()

    def _add(self, rule: str, pointer: Pointer, what: str, advice: str) -> None:
        self._counts[rule] += 1
        if self._counts[rule] <= _MOST:
            self._report.add(rule, (*self._prefix, *pointer), what, advice, key=True)
