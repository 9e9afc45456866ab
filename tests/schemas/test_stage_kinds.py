"""The table of stage kinds."""

from typing import Any

import pytest

from blockyard_schemas.kinds import (
    ALIASES,
    BUILT,
    ROWS,
    Kind,
    allowed_keys,
    kind_keys,
    kind_of,
    normalise,
    row_of,
    spellings,
)


def test_each_kind_has_one_row_and_its_own_key() -> None:
    assert sorted(row.kind for row in ROWS) == sorted(Kind)
    keys = [row.key for row in ROWS]
    assert len(set(keys)) == len(keys) == 14


def test_all_kinds_are_built() -> None:
    assert set(Kind) == BUILT


@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        ({}, "empty"),
        ({"echo": "hi"}, "empty"),
        ({"uses": "a.b"}, "call"),
        ({"run": "x"}, "python"),
        ({"run": "x", "deps": []}, "virtual-python"),
        ({"deps": [], "run": "x"}, "virtual-python"),
        ({"bash": "x"}, "bash"),
        ({"image": "x"}, "docker"),
        ({"trigger": "x"}, "trigger"),
        ({"parallel": {}}, "parallel"),
        ({"foreach": [], "stages": []}, "foreach"),
        ({"until": True}, "until"),
        ({"case": 1}, "case"),
        ({"try": []}, "try"),
        ({"wait": 1}, "wait"),
        ({"raise": "x"}, "raise"),
        ({"unknown": 1}, "empty"),
        ("text", None),
        (None, None),
        ([], None),
    ],
)
def test_the_kind_is_told_by_the_key(stage: Any, kind: str | None) -> None:
    assert kind_of(stage) == kind


def test_two_kinds_in_one_stage_are_seen() -> None:
    assert kind_keys({"run": 1, "bash": 2}) == ["run", "bash"]
    assert kind_keys({"run": 1, "deps": 2}) == ["deps"]
    assert kind_keys({"echo": 1}) == []


def test_other_spellings_are_read_as_the_usual_ones() -> None:
    stage = {"foreach": [1], "use_index_as_key": True, "max_workers": 2, "condition": True}
    assert normalise(stage) == {
        "foreach": [1],
        "use-index-as-key": True,
        "max-workers": 2,
        "if": True,
    }
    assert normalise({"uses": "x", "args": {"max_workers": 1}}) == {
        "uses": "x",
        "with": {"max_workers": 1},
    }
    assert spellings("with") == ("with", "args")
    known = {key for kind in Kind for key in allowed_keys(kind)}
    assert set(ALIASES.values()) <= known
    assert not set(ALIASES) & known


def test_a_row_tells_what_must_be_there() -> None:
    assert row_of(Kind.FOREACH).required == ("stages",)
    assert row_of(Kind.VIRTUAL).key == "deps"
    assert allowed_keys(Kind.RAISE)[:3] == ("raise", "id", "name")
