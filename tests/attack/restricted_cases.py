"""The attacks in the restricted language: ``restricted_language.txt``, read."""

from pathlib import Path
from typing import Any

import pytest

_CASES = Path(__file__).with_name("restricted_language.txt")


def cases_by_title() -> dict[str, tuple[str, str, str]]:
    """Return by title what becomes of a case, the words that go with it, and its code."""
    found: dict[str, tuple[str, str, str]] = {}
    for part in _CASES.read_text(encoding="utf-8").split("\n=== ")[1:]:
        head, _, code = part.partition("\n")
        title, outcome, words = (word.strip() for word in head.split(" | "))
        assert title not in found, title
        found[title] = (outcome, words, code)
    return found


def restricted_cases() -> list[Any]:
    """Return the cases as params of a test."""
    return [pytest.param(*case, id=title) for title, case in cases_by_title().items()]
