"""The nearest known word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_schemas.nearest import did_you_mean, nearest

KNOWN = ("stages", "foreach", "max-parallel", "timeout", "if", "continue-on-error")


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("stage", "stages"),
        ("Foreach", "foreach"),
        ("for_each", "foreach"),
        ("max_paralel", "max-parallel"),
        ("time-out", "timeout"),
        ("coninue-on-eror", "continue-on-error"),
        ("iff", "if"),
        ("nothing-like-it", None),
        ("", None),
        ("x", None),
    ],
)
def test_misspellings_are_found_and_other_words_are_not(word: str, found: str | None) -> None:
    assert nearest(word, KNOWN) == found
    assert did_you_mean(word, KNOWN) == (found and f"did you mean '{found}'?")


def test_nothing_is_near_among_no_words() -> None:
    assert nearest("stage", ()) is None


def test_what_is_long_or_comes_late_is_not_compared() -> None:
    assert nearest("x" * 65, ["x" * 65]) is None
    assert nearest("x" * 63, ["x" * 65]) is None
    many = [str(number) for number in range(1_000)]
    assert nearest("stage", [*many, "stages"]) is None
    assert nearest("stage", [*many[1:], "stages"]) == "stages"


@given(st.text(max_size=70), st.lists(st.text(max_size=70), max_size=5))
def test_whatever_is_compared_the_answer_is_among_the_known(word: str, known: list[str]) -> None:
    assert nearest(word, known) in {None, *known}
