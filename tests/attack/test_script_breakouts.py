"""Ways out that belong to virtual-python stages alone: environments, results, output, leftovers; the next stage of the run finds nothing of them."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from arena import Arena, Targets, zygotes_here
from attack_cases import Case, read_file
from engines import unavailable
from full_python import frame
from local_index import LocalIndex
from script_stages import (
    WORDS,
    Tenant,
    check,
    own_cache,
    policy_of,
    stage_of,
    tenant_of,
    wall_of,
)
from test_full_python import check_footprint, footprint

from blockyard_platform import LogLine, Runner
from blockyard_platform.results import StageRecord
from blockyard_sandbox.jail import cgroups
from blockyard_schemas.statuses import Code, Status

pytestmark = pytest.mark.usefixtures("swept")
CASES = read_file("script_breakouts.txt")
LOOK = """
import json, os, signal
try:
    os.kill(-1, 0)
    others = True
except ProcessLookupError:
    others = False
names = sorted(os.listdir("/scratch"))
import full_python
result = [names, others, os.getcwd(), len(full_python.calls()) > 300]
"""


@pytest.fixture(scope="module")
def cache() -> Iterator[Path]:
    with own_cache() as folder:
        yield folder


@pytest.fixture(scope="module")
def tenant(arena: Arena, cache: Path) -> Iterator[Tenant]:
    arena.sibling()
    with (
        LocalIndex(WORDS) as index,
        tenant_of(arena.runner, index, stage={"cpu_seconds": 20}) as tenant,
    ):
        before = footprint(zygotes_here())
        yield tenant
        check_footprint(before)


@pytest.fixture(scope="module")
def facts(arena: Arena, targets: Targets) -> dict[str, Any]:
    return targets.facts | {"weak_sibling": arena.sibling().pid}


def digest(cache: Path) -> dict[str, tuple[int, int, str]]:
    """Return all files of the environments, with their modes, times and contents."""
    found: dict[str, tuple[int, int, str]] = {}
    for path in sorted((cache / "environments").rglob("*")):
        facts = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path)] = (facts.st_mode, facts.st_mtime_ns, content)
    return found


def _check(case: Case, record: StageRecord) -> None:
    if case.oracle == "any":
        assert record.code in (Code.DONE, Code.EXIT_NONZERO, Code.INVALID_TYPE, Code.RESULT_LIMIT, Code.MEMORY_LIMIT), record  # fmt: skip
    elif "granted" in case.oracle and record.status is Status.SUCCESS:
        assert record.outputs.get("result", "mine") != "FORGED"
    else:
        check(case, record)


def test_there_are_enough_ways() -> None:
    assert len(CASES) >= 50
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=[case.name.partition("/")[2] for case in CASES])
def test_a_way_out_is_closed_and_the_next_stage_finds_nothing_of_it(
    case: Case, tenant: Tenant, facts: dict[str, Any], arena: Arena, targets: Targets, cache: Path
) -> None:
    before = digest(cache)
    assert len(before) > 10
    look = {"id": "look", "run": LOOK, "deps": ["full-python"]}
    stage = stage_of(case, facts) | {"timeout": wall_of(case)}
    attack, after = arena.runner.run(tenant.run_all([stage, look]))
    _check(case, attack)
    assert "CANARY-in-" not in json.dumps(attack.outputs)
    assert after.outputs["result"] == [["script.py"], False, "/scratch", True], after
    assert digest(cache) == before
    assert (targets.visits, targets.traces()) == (0, [])
    assert arena.runner.run(arena.sibling().call("ping", {})).value == "pong"


def test_words_like_frames_are_lines_of_the_script(
    tenant: Tenant, facts: dict[str, Any], arena: Arena
) -> None:
    lines: list[LogLine] = []
    code = """
for place in (1, 2):
    os.write(place, frame({"id": 1, "value": "FORGED"}) + b"\\n" + frame({"id": 2, "error": None}) + b"\\n")
result = "mine"
"""
    case = Case("x", "granted", frozenset(), frozenset(), code)
    record = arena.runner.run(tenant.run(stage_of(case, facts), on_log=lines.append))
    first, second = (
        frame(content).decode()
        for content in ({"id": 1, "value": "FORGED"}, {"id": 2, "error": None})
    )
    assert record.outputs["result"] == "mine"
    assert record.outputs["stdout"] == record.outputs["stderr"] == f"{first}\n{second}\n"
    assert sorted(line.text for line in lines) == sorted([first, second] * 2)
    assert {line.stage for line in lines} == {"a"}


def test_memory_of_all_processes_counts_where_groups_are_had(
    tenant: Tenant, facts: dict[str, Any], arena: Arena
) -> None:
    if not cgroups.find().bases:
        unavailable("this machine has no control groups to make")
    case = next(case for case in CASES if case.name.endswith("/memory-of-all-processes"))
    record = arena.runner.run(tenant.run(stage_of(case, facts)))
    assert record.code is Code.MEMORY_LIMIT, record


SPREAD = """
import os, time
def burn():
    while time.process_time() < 1:
        pass
children = []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        burn(); os._exit(0)
    children.append(pid)
for pid in children:
    os.waitpid(pid, 0)
"""


async def _run(tenant: Tenant, first: dict[str, Any], **more: Any) -> list[StageRecord]:
    """Run a stage and then a small one, with few seconds of processors for both."""
    stages: list[dict[str, Any]] = [
        {"id": "a", "always": True} | first,
        {"id": "b", "run": "result = 1", "deps": [], "always": True},
    ]
    kinds = ["virtual-python", "bash", "python"]
    small: tuple[dict[str, Any], ...] = ({"run": "result = 1", "deps": []}, {"bash": "true"})
    async with Runner(policy=policy_of(tenant.index, stages=kinds, **more)) as runner:
        for ready in small:
            # What is started for the first stage of a kind is not to count for the clock of the stage that is looked at.
            await runner.run({"name": "t", "stages": [ready]})
        result = await runner.run({"name": "t", "stages": stages})
    assert result.problems == (), result.problems
    return list(result.jobs["main"].stages.values())


def test_seconds_of_children_are_the_runs(arena: Arena, tenant: Tenant) -> None:
    """Work that is spread over processes, each below the limit, is counted for the run."""
    stage: dict[str, Any] = {"run": SPREAD, "deps": []}
    first, second = arena.runner.run(_run(tenant, stage, run={"cpu_seconds": 3}))
    assert first.code is Code.DONE, first
    assert second.code is Code.CPU_LIMIT, second


LEFT = "import os, time\nfor _ in range(4):\n    if os.fork() == 0:\n        while True: pass\ntime.sleep(60)"


@pytest.mark.parametrize(
    ("stage", "seconds", "code"),
    [
        ({"run": LEFT, "deps": [], "timeout": 3}, 0.15, Code.CPU_LIMIT),
        ({"run": LEFT, "deps": []}, 0.15, Code.CPU_LIMIT),
        ({"bash": "for i in 1 2 3; do (while :; do :; done) & done; sleep 60", "timeout": 3}, 0.15, Code.CPU_LIMIT),
        ({"run": "import time; time.sleep(60)", "deps": [], "timeout": 3}, 5, Code.DONE),
    ],
)  # fmt: skip
def test_seconds_of_what_is_killed_are_the_runs_too(
    stage: dict[str, Any], seconds: float, code: Code, arena: Arena, tenant: Tenant
) -> None:
    """Little is left for the run where much is burnt, and much where nothing is: however slow the machine."""
    limits = {"wall_seconds": 4, "cpu_seconds": 20}
    records = _run(tenant, stage, run={"cpu_seconds": seconds}, stage=limits)
    first, second = arena.runner.run(records)
    assert first.code in (Code.TIMEOUT, Code.CPU_LIMIT), first
    assert second.code is code, second


def test_seconds_of_a_call_that_was_cancelled_are_the_runs_too(
    arena: Arena, tenant: Tenant
) -> None:
    """Stages of the restricted language that each end at a clock of their own cannot go on without end."""
    spin = {"run": "while True:\n    pass", "timeout": 1}
    stages = [spin | {"id": f"s{n}", "always": True} for n in range(15)]
    policy = policy_of(
        tenant.index, stages=["python"], run={"cpu_seconds": 1.5}, stage={"cpu_seconds": 20}
    )

    async def run() -> list[StageRecord]:
        async with Runner(policy=policy) as runner:
            result = await runner.run({"name": "t", "stages": stages})
        assert result.problems == (), result.problems
        return list(result.jobs["main"].stages.values())

    codes = [record.code for record in arena.runner.run(run())]
    assert codes[0] is Code.TIMEOUT
    assert Code.CPU_LIMIT in codes
