"""Reading values of a document one by one, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeAlias, TypeVar

from blockyard_platform.durations import seconds_of
from blockyard_platform.plain import copied, is_list, is_mapping
from blockyard_platform.triggers.filling import Given, wrong
from blockyard_schemas.nearest import did_you_mean
from blockyard_schemas.problems import Problem, pointer_of
from blockyard_schemas.showing import found, shown
from blockyard_schemas.trigger_schema import MOST_PARAMS
from blockyard_schemas.wording import label, listed

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes that lead to a value."""

_Word = TypeVar("_Word", bound=str)


class Findings:
    """Collects problems. A method that reads returns ``None`` when it has added one, and never raises."""

    def __init__(self) -> None:
        """Begin without problems."""
        self.problems: list[Problem] = []

    def add(self, rule: str, path: Path, message: str, hint: str | None = None) -> None:
        """Add a problem at a path."""
        self.problems.append(Problem(rule, pointer_of(path), message, hint))

    def must(self, rule: str, path: Path, wanted: str, value: Any, hint: str | None = None) -> None:
        """Add that a value must be something else."""
        self.add(rule, path, f"{label(path)} must be {wanted}, not {found(value)}", hint)

    def mapping(
        self, value: Any, path: Path, what: str, keys: Collection[str]
    ) -> dict[str, Any] | None:
        """Read a mapping that has no keys but these; unknown ones are problems, and are left out."""
        if not is_mapping(value):
            self.must("type", path, "a mapping", value)
            return None
        for key in value:
            if key not in keys:
                hint = did_you_mean(str(key), keys) or f"write one of {listed(keys)}"
                self.add("unknown-key", (*path, key), f"{what} has no key {shown(key)}", hint)
        return {key: item for key, item in value.items() if key in keys}

    def items(self, value: Any, path: Path, most: int) -> list[Any]:
        """Read a list of at most so many items; without one, none."""
        if not is_list(value):
            self.must("type", path, "a list", value, "begin each item with a dash (-)")
            return []
        if len(value) > most:
            self.add("length", path, f"{label(path)} must have at most {most} items")
        return value[:most]

    def text(self, value: Any, path: Path, most: int) -> str | None:
        """Read a text of 1 to ``most`` characters."""
        if not isinstance(value, str):
            self.must("type", path, "text", value)
            return None
        if not 1 <= len(value) <= most:
            self.must("length", path, f"text of 1 to {most} characters", value)
            return None
        return value

    def choice(self, value: Any, path: Path, choices: Collection[_Word]) -> _Word | None:
        """Read one of several words."""
        for word in choices:
            if isinstance(value, str) and value == word:
                return word
        hint = did_you_mean(value, choices) if isinstance(value, str) else None
        self.must("choice", path, f"one of {listed(choices)}", value, hint)
        return None

    def seconds(self, value: Any, path: Path, least: float, most: float) -> float | None:
        """Read a duration between two bounds in seconds."""
        try:
            seconds = seconds_of(value)
        except (ValueError, OverflowError):
            self.must("duration", path, "a duration such as 90s or 10m", value)
            return None
        if not least <= seconds <= most:
            self.must("range", path, f"{least:g} to {most:g} seconds", value)
            return None
        return seconds

    def whole(self, value: Any, path: Path, least: int, most: int) -> int | None:
        """Read a whole number between two bounds."""
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.must("range", path, f"a whole number from {least} to {most}", value)
            return None
        return value

    def flag(self, value: Any, path: Path) -> bool | None:
        """Read true or false."""
        if not isinstance(value, bool):
            self.must("type", path, "true or false", value)
            return None
        return value

    def templates(self, value: Any, path: Path, given: Given) -> None:
        """Add what is wrong with the expressions in a value."""
        for each in wrong(value, path, given):
            self.add(each.rule, each.path, each.message, each.hint)

    def params(self, value: Any, path: Path, given: Given) -> dict[str, Any]:
        """Read params for a run: names and plain values, in which templates may stand."""
        if not is_mapping(value):
            self.must("type", path, "a mapping", value, "name each param: {month: '2026-01'}")
            return {}
        if len(value) > MOST_PARAMS:
            self.add("length", path, f"{label(path)} must have at most {MOST_PARAMS} keys")
            return {}
        self.templates(value, path, given)
        known: dict[str, Any] = copied(value)
        return known
