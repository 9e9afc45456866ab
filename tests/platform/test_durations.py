"""Durations."""

from typing import Any

import pytest

from blockyard_platform.durations import seconds_of


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (90, 90.0), (0.5, 0.5), ("90", 90.0), ("90s", 90.0), ("10m", 600.0), ("1h30m", 5400.0),
        ("250ms", 0.25), ("1d", 86400.0), ("1.5h", 5400.0), (0, 0.0),
    ],
)  # fmt: skip
def test_a_duration(written: Any, seconds: Any) -> None:
    assert seconds_of(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "soon", "10 m", "-1", -1, True, None, [1], "1m1", float("nan"), "999999d"]
)
def test_what_is_no_duration(written: Any) -> None:
    with pytest.raises(ValueError, match="is not a duration: write seconds, or 90s, 10m"):
        seconds_of(written)
