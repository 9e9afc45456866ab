"""Documents as ddeutil-workflow has them, by case and size."""

from collections.abc import Callable
from typing import Any

Stage = dict[str, Any]


def _echo(number: int) -> Stage:
    return {"name": f"s{number}", "id": f"s{number}", "echo": "x"}


def _row(stages: list[Stage]) -> dict[str, Any]:
    return {"j": {"stages": stages}}


def _named(number: int, **more: Any) -> Stage:
    return {"name": f"s{number}", "id": f"s{number}", **more}


def _foreach(items: Any, stage: Stage, **more: Any) -> Stage:
    return {"name": "fe", "id": "fe", "foreach": items, "stages": [stage], **more}


def _until(size: int) -> dict[str, Any]:
    stage = {"name": "p", "id": "p", "run": "item = ${{ item }} + 1"}
    until = "${{ item }} >= " + str(size)
    return _row(
        [{"name": "u", "id": "u", "item": 0, "until": until, "max-loop": 99, "stages": [stage]}]
    )


_ITEM = {"name": "p", "id": "p", "run": "y = ${{ item }}"}
_CASES: dict[str, Callable[[int], dict[str, Any]]] = {
    "empty stages": lambda size: _row([_echo(n) for n in range(size)]),
    "python stages": lambda size: _row([_named(n, run="x = 1") for n in range(size)]),
    "bash stages": lambda size: _row([_named(n, bash="true") for n in range(size)]),
    "foreach, empty": lambda size: _row([_foreach(list(range(size)), _echo(0))]),
    "foreach, python": lambda size: _row([_foreach(list(range(size)), _ITEM)]),
    "foreach, python, 9 at once": lambda size: _row(
        [_foreach(list(range(size)), _ITEM, concurrent=9)]
    ),
    "foreach of 100 beside a list of": lambda size: _row(
        [_named(0, run=f"big = list(range({size}))"), _foreach(list(range(100)), _echo(1))]
    ),
    "jobs": lambda size: {f"j{n}": {"stages": [_echo(0)]} for n in range(size)},
    "chain of jobs": lambda size: {
        f"j{n}": {"stages": [_echo(0)], "needs": [f"j{n - 1}"][: bool(n)]} for n in range(size)
    },
    "until": _until,
}

SIZES: tuple[tuple[str, int], ...] = (
    ("empty stages", 100),
    ("empty stages", 1_000),
    ("python stages", 100),
    ("python stages", 1_000),
    ("bash stages", 100),
    ("foreach, empty", 1_000),
    ("foreach, python", 1_000),
    ("foreach, python, 9 at once", 1_000),
    ("foreach of 100 beside a list of", 10_000),
    ("foreach of 100 beside a list of", 100_000),
    ("jobs", 100),
    ("chain of jobs", 10),
    ("until", 10),
)
"""What is measured."""


def document(case: str, size: int) -> dict[str, Any]:
    """Return the document of a case."""
    return {"name": "bench", "type": "Workflow", "jobs": _CASES[case](size)}
