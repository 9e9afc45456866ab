"""The params of one run: values and texts together, checked against the declarations."""

from typing import Any

import pytest

from blockyard_platform import Runner
from blockyard_platform.params import bind

DECLARED: dict[str, Any] = {
    "month": {"type": "string", "pattern": r"^\d{4}-\d{2}$", "default": "2026-01"},
    "n": "int",
    "rows": {"type": "array", "items": "int", "required": False},
}


def test_values_and_texts_are_bound_together_with_defaults() -> None:
    bound, problems = bind(DECLARED, {"rows": [1, 2]}, {"n": "3"})
    assert problems == ()
    assert bound == {"month": "2026-01", "n": 3, "rows": [1, 2]}
    assert bind(DECLARED, {"n": 3, "month": "2026-02"}, {})[0] == {
        "month": "2026-02",
        "n": 3,
        "rows": None,
    }


@pytest.mark.parametrize(
    ("values", "texts", "pointers"),
    [
        ({}, {}, ["/params/n"]),
        ({"n": "3"}, {}, ["/params/n"]),
        ({}, {"n": "three"}, ["/params/n"]),
        ({"n": 1, "mont": "x"}, {}, ["/params/mont"]),
        ({"n": 1}, {"mont": "x"}, ["/params/mont"]),
        ({"n": 1}, {"n": "1"}, ["/params/n"]),
        ({"n": 1, "month": "2026-1"}, {}, ["/params/month"]),
        ({"n": 1, "rows": [1, "2"]}, {}, ["/params/rows/1"]),
        ({"n": float("nan")}, {}, ["/params/n"]),
    ],
)
def test_what_does_not_fit_is_a_problem(values: Any, texts: Any, pointers: list[str]) -> None:
    bound, problems = bind(DECLARED, values, texts)
    assert bound == {}
    assert [problem.pointer for problem in problems] == pointers


async def test_a_run_with_unfit_params_is_not_begun(runner: Runner) -> None:
    document = {"name": "t", "params": DECLARED, "stages": [{"echo": "x"}]}
    result = await runner.run(document, params={"n": "x"})
    assert (result.run_id, result.workflow, result.status) == (None, "t", "FAILED")
    assert [problem.rule for problem in result.problems] == ["param"]
    assert result.jobs == {}
    assert result.logs == ()
