"""Generated documents: every kind inside every other, against a model of what must become of each stage."""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blockyard_platform import Runner, RunResult
from blockyard_platform.engine.journal import Marks
from blockyard_platform.errors import JournalError
from blockyard_platform.results import StageRecord
from blockyard_platform.store.journal import SqlJournal
from blockyard_schemas.policy import personal_policy

POLICY = personal_policy().model_copy(update={"depth": 16})


Stages = st.SearchStrategy[dict[str, Any]]
FLAGS: Stages = st.fixed_dictionaries(
    {},
    optional={
        "if": st.sampled_from([True, False, "${{ params.yes }}", "${{ params.no }}"]),
        "always": st.just(True),
        "continue-on-error": st.just(True),
        "retry": st.just(1),
        "timeout": st.just("1m"),
    },
)
LEAVES: Stages = st.sampled_from([{}, {"echo": "${{ params.yes }}"}, {"raise": "no"}])
WORKING: Stages = LEAVES | st.sampled_from(
    [
        {"run": "result = n + 1", "vars": {"n": "${{ params.yes | int }}"}},
        {"run": "result = 1 / 0"},
        {"uses": "math.add", "with": {"first": 1, "second": 2}},
        {"uses": "variable.set", "with": {"name": "v", "value": 1}},
        {"bash": "true"},
        {"bash": "exit 3"},
        {"wait": {"until": "2026-01-31T08:00:00+01:00"}},
        {"trigger": "good"},
        {"trigger": "bad"},
    ]
)
BAD = ({"run": "result = 1 / 0"}, {"bash": "exit 3"}, {"trigger": "bad"})
CHILDREN = {
    "good": {"name": "good", "stages": [{"foreach": [1], "stages": [{"echo": "x"}]}]},
    "bad": {"name": "bad", "stages": [{"echo": "x"}, {"raise": "no"}]},
}


def _merged(pair: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    return {**pair[0], **pair[1]}


def _flagged(stage: Stages) -> Stages:
    return st.tuples(stage, FLAGS).map(_merged)


def _nested(inner: Stages, concurrent: int = 3) -> Stages:
    rows = st.lists(inner, max_size=3)
    items = st.sampled_from([list[int](), [1], [1, 2]])
    match = st.tuples(
        st.fixed_dictionaries({"case": st.just(1), "stages": rows}),
        st.fixed_dictionaries({"else": rows}),
    ).map(list)
    kinds: list[dict[str, st.SearchStrategy[Any]]] = [
        {"foreach": items, "stages": rows, "concurrent": st.integers(1, concurrent)},
        {"parallel": st.fixed_dictionaries({"a": rows, "b": rows})},
        {"until": st.just("${{ params.yes }}"), "stages": rows},
        {"case": st.sampled_from([1, "1", 2]), "match": match},
        {"try": rows, "catch": rows, "finally": rows},
        {"try": rows, "finally": rows},
    ]
    return _flagged(st.one_of([st.fixed_dictionaries(kind) for kind in kinds]))


STAGES = st.lists(st.recursive(_flagged(LEAVES), _nested, max_leaves=12), max_size=5)
ALL_KINDS = st.lists(
    st.recursive(_flagged(WORKING), lambda inner: _nested(inner, 1), max_leaves=8), max_size=4
)
"""One item at a time: which of two that are at work fails first is not the same in each run."""


def expected(stages: list[Any]) -> tuple[list[str], bool]:
    """Return the status of each stage of a list, and whether the list fails."""
    statuses: list[str] = []
    failed = False
    for stage in stages:
        if (failed and not stage.get("always")) or stage.get("if") in (False, "${{ params.no }}"):
            statuses.append("SKIP")
        else:
            statuses.append("FAILED" if _fails(stage) else "SUCCESS")
            failed = failed or (statuses[-1] == "FAILED" and not stage.get("continue-on-error"))
    return statuses, failed


def _fails(stage: Any) -> bool:
    if "raise" in stage or any(bad.items() <= stage.items() for bad in BAD):
        return True
    if "foreach" in stage:
        return bool(stage["foreach"]) and expected(stage["stages"])[1]
    if "parallel" in stage:
        return any(expected(branch)[1] for branch in stage["parallel"].values())
    if "until" in stage:
        return expected(stage["stages"])[1]
    if "case" in stage:
        first, default = stage["match"]
        return expected(first["stages"] if stage["case"] in (1, "1") else default["else"])[1]
    if "try" in stage:
        failed = expected(stage["try"])[1]
        if failed and "catch" in stage:
            failed = expected(stage["catch"])[1]
        return expected(stage["finally"])[1] or failed
    return False


def _document(stages: list[Any]) -> dict[str, Any]:
    params = {"yes": {"default": True}, "no": {"default": False}}
    return {"name": "t", "params": params, "stages": stages}


async def _run(stages: list[Any]) -> Any:
    async with Runner(policy=POLICY) as runner:
        return (await runner.run(_document(stages))).as_dict()


@settings(max_examples=120, deadline=None)
@given(STAGES)
def test_every_stage_ends_as_the_model_says(stages: list[Any]) -> None:
    result = asyncio.run(_run(stages))
    assert result["problems"] == []
    statuses, failed = expected(stages)
    found = [record["status"] for record in result["jobs"]["main"]["stages"].values()]
    assert found == statuses
    assert result["status"] == ("FAILED" if failed else "SUCCESS")
    for record, stage in zip(result["jobs"]["main"]["stages"].values(), stages, strict=True):
        _check_inside(record, stage)


def _check_inside(record: Any, stage: Any) -> None:
    """Check the nested records of the kinds whose every stage is always in the outputs."""
    if record["status"] == "SKIP" or "parallel" not in stage:
        return
    for name, branch in record["outputs"]["parallel"].items():
        nested = [it["status"] for it in branch["stages"].values()]
        assert nested == expected(stage["parallel"][name])[0]
        for inner, each in zip(branch["stages"].values(), stage["parallel"][name], strict=True):
            _check_inside(inner, each)


class CutJournal(SqlJournal):
    """A journal that takes so many records, and then none."""

    left = 0

    def finished(self, record: StageRecord, marks: Marks) -> None:
        """Write a record, or raise JournalError."""
        CutJournal.left -= 1
        if CutJournal.left < 0:
            raise JournalError("cut")
        super().finished(record, marks)


@dataclass(frozen=True)
class Bench:
    """A runner with a journal, and the event loop that it lives in."""

    loop: asyncio.Runner
    runner: Runner
    ids: Iterator[int]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Yield a runner whose sandboxes are started once."""
    journal = tmp_path_factory.mktemp("journal") / "runs.db"
    with asyncio.Runner() as loop:
        runner = Runner(policy=POLICY, workflows=CHILDREN, journal=journal)
        yield Bench(loop, runner, itertools.count())
        loop.run(runner.close())


def _whole(result: RunResult) -> Any:
    """Return what became of each stage, without the times."""
    stages = result.as_dict()["jobs"]["main"]["stages"]
    return {name: (it["status"], it["code"], it["outputs"]) for name, it in stages.items()}


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(stages=ALL_KINDS, cut=st.integers(0, 12))
def test_a_run_that_is_cut_off_comes_to_the_same_end(
    stages: list[Any], cut: int, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{next(bench.ids)}-{kind}" for kind in ("whole", "cut")]
    whole = bench.loop.run(bench.runner.run(_document(stages), run_id=names[0]))
    statuses, failed = expected(stages)
    assert [it[0] for it in _whole(whole).values()] == statuses
    assert whole.success is not failed
    with monkeypatch.context() as patched:
        patched.setattr("blockyard_platform.store.store.SqlJournal", CutJournal)
        CutJournal.left = cut
        bench.loop.run(bench.runner.run(_document(stages), run_id=names[1]))
    resumed = bench.loop.run(bench.runner.resume(names[1]))
    assert _whole(resumed) == _whole(whole)
    assert resumed.status == whole.status
