"""How large a matrix may be: what admission and a worker compare for it is bounded in every direction."""

from typing import Any

import pytest

from blockyard_platform.errors import StageFailureError
from blockyard_platform.matrix import combinations
from blockyard_schemas.statuses import Code

NAMES = [f"n{n}" for n in range(101)]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"matrix": {"x": list(range(257))}}, "257 combinations, and 256"),
        ({"matrix": {"x": list(range(17)), "y": list(range(16))}}, "272 combinations, and 256"),
        ({"matrix": {key: [1] for key in NAMES}}, "matrix has 101 names in a combination, and 100"),
        ({"include": [dict.fromkeys(NAMES, 1)]}, "include has 101 names in a combination, and 100"),
        ({"matrix": {"x": [1]}, "exclude": [{"x": 2}] * 257}, "exclude has 257 rows, and 256"),
        ({"matrix": {"x": [1]}, "include": [{"x": 1}] * 257}, "include has 257 rows, and 256"),
        ({"include": [{"x": n} for n in range(256)], "matrix": {"x": [-1]}}, "257 combinations"),
    ],
)
def test_what_is_too_much_is_refused(inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(StageFailureError, match=message) as caught:
        combinations(inputs)
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_as_much_as_is_allowed_is_had() -> None:
    names = {key: [1] for key in NAMES[:99]}
    rows = [{"x": n} for n in range(256)]
    found = combinations({"matrix": {**names, "x": list(range(256))}, "exclude": rows[:255]})
    assert [(it["x"], len(it)) for it in found] == [(255, 100)]
    assert combinations({"include": rows}) == rows
