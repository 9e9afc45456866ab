"""The forms that an expression may have, once it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: a key (text) or an index (int); ``optional`` steps give null when absent."""

    key: str | int
    optional: bool = False


@dataclass(frozen=True, slots=True)
class FilterCall:
    """A filter with its literal arguments."""

    name: str
    arguments: tuple[Any, ...]

    @property
    def is_block(self) -> bool:
        """Whether it names a block of the catalog."""
        return "." in self.name


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written out."""

    value: Any
    filters: tuple[FilterCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Path:
    """A look-up: where it begins, its steps, its filters; ``text`` is the source, for messages."""

    text: str
    root: str
    steps: tuple[Step, ...]
    filters: tuple[FilterCall, ...] = ()


@dataclass(frozen=True, slots=True)
class GuestExpression:
    """A restricted Python expression; ``needs`` are (name, key or ``None`` for the whole) that it may read."""

    text: str
    needs: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Piped:
    """A value that goes through ``calls``, of which the first is a block; each later one is a block or a filter."""

    value: Literal | Path
    calls: tuple[FilterCall, ...]


Expression = Literal | Path | Piped | GuestExpression
