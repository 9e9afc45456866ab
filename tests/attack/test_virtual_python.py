"""All attacks in full Python again, through documents: each is the ``run`` of a virtual-python stage, with a package in ``deps``."""

import asyncio
import json
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from arena import Arena, Targets, zygotes_here
from attack_cases import Case, read_adapted, read_cases
from local_index import LocalIndex
from script_stages import (
    WORDS,
    Tenant,
    adapted_cases,
    check,
    is_slow,
    own_cache,
    served_meanwhile,
    stage_of,
    tenant_of,
    wall_of,
)
from test_full_python import KNOWN, check_footprint, footprint

from blockyard_platform.results import StageRecord
from blockyard_schemas.statuses import Code, Status

pytestmark = pytest.mark.usefixtures("swept")
CASES = adapted_cases()
QUICK = [case for case in CASES if not is_slow(case)]
SLOW = [case for case in CASES if is_slow(case)]
FORGERS = [case for case in QUICK if case.oracle == "channel" and case.name.startswith("channel/")]
NO_JSON = {
    *("pickle", "pickle-without-a-frame", "odd-numbers-all-at-once", "nan", "infinity"),
    *("infinite-float", "long-number", "long-number-as-id", "half-a-character"),
    *("half-a-character-in-a-key", "half-a-character-in-a-log", "half-a-character-in-utf-8"),
    *("a-key-twice", "a-key-twice-inside", "a-key-twice-by-escape", "giant-head"),
    *("head-with-the-sign-bit", "deep", "very-deep", "deep-objects", "nothing-for-an-object"),
    *("blanks-for-an-object", "not-utf-8", "utf-16", "byte-order-mark", "nul-bytes"),
    *("words-after-the-object", "not-json", "comments-in-json", "answer-twice"),
    *("answer-and-then-an-error", "log-after-the-answer", "part-of-a-frame-and-the-end"),
    *("part-of-a-head-and-the-end", "part-of-a-frame-and-an-answer", "frame-and-garbage"),
    "leave",
}
"""What forgers say that is no JSON as a result file has it; all else is taken as data, and as nothing more."""
_AT_ONCE = 6
_MOST_MIB = 64


def ids(cases: list[Case]) -> list[str]:
    return [case.name for case in cases]


@pytest.fixture(scope="module")
def cache() -> Iterator[Path]:
    with own_cache() as folder:
        yield folder


@pytest.fixture(scope="module")
def tenant(arena: Arena, cache: Path) -> Iterator[Tenant]:
    """One runner for all cases, on the loop of the arena, whose guests are the other tenant; at the end nothing is left of any."""
    arena.sibling()
    with LocalIndex(WORDS) as index, tenant_of(arena.runner, index) as tenant:
        before = footprint(zygotes_here())
        yield tenant
        check_footprint(before)


@pytest.fixture(scope="module")
def facts(arena: Arena, targets: Targets) -> dict[str, Any]:
    return targets.facts | {"weak_sibling": arena.sibling().pid}


def test_every_case_is_a_script_and_each_difference_is_one_of_a_case() -> None:
    names = {case.name for case in read_cases()}
    adapted = ids(read_adapted())
    assert {case.name for case in CASES} == names
    assert len(adapted) == len(set(adapted))
    assert set(adapted) <= names
    assert KNOWN - {196} == {number for case in CASES for number in case.known}
    assert len(QUICK) + len(SLOW) == len(CASES) >= 300
    # The others are the same attacks with the same ends.
    assert len([case for case in read_adapted() if case.oracle == "granted"]) <= 40


@pytest.mark.parametrize("case", QUICK, ids=ids(QUICK))
def test_an_attack_is_stopped(
    case: Case, tenant: Tenant, facts: dict[str, Any], arena: Arena, targets: Targets
) -> None:
    record = arena.runner.run(tenant.run(stage_of(case, facts)))
    check(case, record)
    assert "CANARY-in-" not in json.dumps(record.outputs)
    assert (targets.visits, targets.traces()) == (0, [])
    assert arena.runner.run(arena.sibling().call("ping", {})).value == "pong"


def test_a_result_file_with_such_words_is_no_answer(
    tenant: Tenant, facts: dict[str, Any], arena: Arena
) -> None:
    """One stage a case, in the guests of one run: the next stage finds nothing of what the last has forged."""
    stages = [stage_of(case, facts, result_as_wire=True) for case in FORGERS]
    records = arena.runner.run(
        tenant.run_all([each | {"id": f"s{n}"} for n, each in enumerate(stages)])
    )
    assert len(records) == len(FORGERS) > 50
    for case, record in zip(FORGERS, records, strict=True):
        check(case, record)
        refused = record.code in (Code.INVALID_TYPE, Code.RESULT_LIMIT)
        assert refused == (case.name.partition("/")[2] in NO_JSON), (case.name, record)


@pytest.fixture(scope="module")
def ended(tenant: Tenant, facts: dict[str, Any], arena: Arena) -> dict[str, StageRecord]:
    """What became of all cases that end at a clock: they run side by side, while the platform serves somebody else."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def run(case: Case) -> StageRecord:
        async with places:
            stage = stage_of(case, facts) | {"timeout": wall_of(case)}
            return await tenant.run(stage)

    async def run_all() -> list[StageRecord]:
        async with served_meanwhile(tenant) as served:
            found = await asyncio.gather(*map(run, SLOW))
            while served.wants(
                6
            ):  # the machine is slow: they are to go on for as long as that takes
                await run(SLOW[0])
        assert len(served.seconds) > 5
        assert max(served.seconds) < 30
        return found

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    records = arena.runner.run(run_all())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most < _MOST_MIB * 1024
    return dict(zip(ids(SLOW), records, strict=True))


@pytest.mark.parametrize("case", SLOW, ids=ids(SLOW))
def test_an_attack_is_ended_by_a_clock(
    case: Case, ended: dict[str, StageRecord], targets: Targets
) -> None:
    check(case, ended[case.name])
    assert ended[case.name].status is Status.FAILED
    assert (targets.visits, targets.traces()) == (0, [])
