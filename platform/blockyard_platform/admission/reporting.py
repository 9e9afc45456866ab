"""The problems of one document, each with its place, collected while it is checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from blockyard_schemas.problems import Problem, pointer_of

if TYPE_CHECKING:
    from blockyard_platform.admission.walk import Pointer
    from blockyard_schemas.reader import Source


@dataclass(frozen=True, slots=True)
class GuestText:
    """What only a guest can judge, since it is Python, and its place."""

    form: Literal["code", "expression"]
    pointer: Pointer
    text: str


MOST = 200
"""Problems that are reported of one document; what comes after is counted in the last."""
ENOUGH = 2 * MOST
"""Problems after which a document is looked at no further: each costs its words, and a tenant may make many."""


class EnoughError(Exception):
    """There are so many problems that no more are looked for."""


class Report:
    """Collects problems and knows where in the text each pointer is."""

    def __init__(self, source: Source, enough: int | None = None) -> None:
        """Begin without problems. With ``enough`` of them, what adds one raises EnoughError."""
        self._source = source
        self._enough = enough
        self.problems: list[Problem] = []
        self.guest_texts: list[GuestText] = []

    def add(
        self,
        rule: str,
        pointer: Pointer,
        message: str,
        hint: str | None = None,
        *,
        key: bool = False,
    ) -> None:
        """Add a problem; ``key`` places it at the mapping key rather than at its value."""
        text = pointer_of(pointer)
        place = self._source.locate(text, key=key)
        line, column = place or (None, None)
        self._found(Problem(rule, text, message, hint, line, column))

    def instead(self, rule: str, pointer: Pointer, message: str, hint: str | None = None) -> None:
        """Add a problem in the place of those with the same value or what is inside it, whose words would lead astray."""
        text = pointer_of(pointer)
        self.problems = [
            it
            for it in self.problems
            if it.pointer != text and not it.pointer.startswith(text + "/")
        ]
        self.add(rule, pointer, message, hint)

    def place_of(self, problem: Problem, *, key: bool = False) -> None:
        """Add a problem that was found without the text, at its place in it."""
        place = self._source.locate(problem.pointer, key=key)
        line, column = place or (None, None)
        self._found(replace(problem, line=line, column=column))

    def _found(self, problem: Problem) -> None:
        self.problems.append(problem)
        if self._is_enough:
            raise EnoughError

    @property
    def _is_enough(self) -> bool:
        return self._enough is not None and len(self.problems) >= self._enough

    def knows(self, pointer: Pointer) -> bool:
        """Whether something is wrong with the value at a pointer, or inside it, already."""
        text = pointer_of(pointer)
        return any(it.pointer == text or it.pointer.startswith(text + "/") for it in self.problems)

    def place(self, pointer: Pointer) -> str:
        """Return a pointer for people: its line when the text is known."""
        text = pointer_of(pointer)
        place = self._source.locate(text)
        return f"line {place[0]}" if place else text

    def sorted(self) -> tuple[Problem, ...]:
        """Return the problems in the order of the text, each once."""
        unique = list(dict.fromkeys(self.problems))
        unique.sort(key=lambda it: (it.line or 0, it.column or 0))
        if len(unique) <= MOST:
            return tuple(unique)
        count = "many more" if self._is_enough else f"{len(unique) - MOST} more"
        more = Problem("too-many-problems", "", f"{count} problems are not shown")
        return (*unique[:MOST], more)
