"""Generated documents: every kind inside every other, against a model of what must become of each stage."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from blockyard_platform import Runner
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


def _merged(pair: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    return {**pair[0], **pair[1]}


def _flagged(stage: Stages) -> Stages:
    return st.tuples(stage, FLAGS).map(_merged)


def _nested(inner: Stages) -> Stages:
    rows = st.lists(inner, max_size=3)
    items = st.sampled_from([list[int](), [1], [1, 2]])
    match = st.tuples(
        st.fixed_dictionaries({"case": st.just(1), "stages": rows}),
        st.fixed_dictionaries({"else": rows}),
    ).map(list)
    kinds: list[dict[str, st.SearchStrategy[Any]]] = [
        {"foreach": items, "stages": rows, "concurrent": st.integers(1, 3)},
        {"parallel": st.fixed_dictionaries({"a": rows, "b": rows})},
        {"until": st.just("${{ params.yes }}"), "stages": rows},
        {"case": st.sampled_from([1, "1", 2]), "match": match},
        {"try": rows, "catch": rows, "finally": rows},
        {"try": rows, "finally": rows},
    ]
    return _flagged(st.one_of([st.fixed_dictionaries(kind) for kind in kinds]))


STAGES = st.lists(st.recursive(_flagged(LEAVES), _nested, max_leaves=12), max_size=5)


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
    if "raise" in stage:
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


async def _run(stages: list[Any]) -> Any:
    document = {
        "name": "t",
        "params": {"yes": {"default": True}, "no": {"default": False}},
        "stages": stages,
    }
    async with Runner(policy=POLICY) as runner:
        return (await runner.run(document)).as_dict()


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
