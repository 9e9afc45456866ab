"""Ordinary stages work, and give what plain Python would give."""

import ast
import io
import sys
from pathlib import Path
from typing import Any

import pytest

from blockyard_sandbox.guest.operations import Handler, handlers

CASES = Path(__file__).with_name("guest_benign.txt")


def _cases() -> list[Any]:
    """Read the table: (code, expected value, expected log or None) by title."""
    text = CASES.read_text(encoding="utf-8")
    found: list[Any] = []
    for part in text.split("\n=== ")[1:]:
        title, _, body = part.partition("\n")
        code, _, answer = body.partition("\n---\n")
        value, _, log = answer.partition("\nlog: ")
        expected = ast.literal_eval(value.strip())
        printed = ast.literal_eval(log.strip()) if log else None
        found.append(pytest.param(code, expected, printed, id=title))
    return found


@pytest.fixture(scope="module")
def operations() -> dict[str, Handler]:
    return handlers({})


@pytest.mark.parametrize(("code", "expected", "printed"), _cases())
def test_stage_gives_its_value(
    operations: dict[str, Handler],
    code: str,
    expected: Any,
    printed: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stdout", log)
    answer = operations["python"]({"code": code, "vars": {}})
    assert answer == {"outputs": {"result": expected}}
    assert log.getvalue() == (printed or "")


def test_there_are_a_hundred_of_them() -> None:
    assert len(_cases()) >= 100
