"""What is wrong with a text, collected while it is read."""

from __future__ import annotations

from collections.abc import Iterable

from blockyard_schemas.places import Places
from blockyard_schemas.problems import InvalidDocumentError, Problem, pointer_of


class Findings:
    """Collects problems of one text; stops the reading when there are ``most``."""

    def __init__(self, places: Places | None, most: int) -> None:
        """Begin without problems; without places, problems have no line."""
        self._places = places
        self._most = most
        self._found: list[Problem] = []

    def add(
        self,
        rule: str,
        message: str,
        hint: str | None = None,
        *,
        at: int | None = None,
        path: Iterable[str | int] = (),
    ) -> None:
        """Note a problem and go on; raise InvalidDocumentError when there are too many."""
        line, column = self.place(at) or (None, None)
        self._found.append(Problem(rule, pointer_of(path), message, hint, line, column))
        if len(self._found) >= self._most:
            more = f"reading stopped after {len(self._found)} problems; there may be more"
            self._found.append(Problem("too-many-problems", "", more, "correct these first"))
            raise InvalidDocumentError(self._found)

    def stop(
        self,
        rule: str,
        message: str,
        hint: str | None = None,
        *,
        at: int | None = None,
        path: Iterable[str | int] = (),
    ) -> InvalidDocumentError:
        """Return the error of a problem after which nothing can be read, with those found before."""
        line, column = self.place(at) or (None, None)
        self._found.append(Problem(rule, pointer_of(path), message, hint, line, column))
        return InvalidDocumentError(self._found)

    def check(self) -> None:
        """Raise InvalidDocumentError when anything was found."""
        if self._found:
            raise InvalidDocumentError(self._found)

    def place(self, at: int | None) -> tuple[int, int] | None:
        """Return line and column of an offset."""
        return None if at is None or self._places is None else self._places.of(at)
