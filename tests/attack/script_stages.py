"""Attacks as the script of a virtual-python stage: a package of the attack suite's own names, a policy, and what each end means."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncGenerator, Generator, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from attack_cases import Case, read_adapted, read_cases
from local_index import LocalIndex, Release

from blockyard_platform import Runner, RunResult
from blockyard_platform.results import StageRecord
from blockyard_schemas.policy import Policy
from blockyard_schemas.statuses import Code, Status

_HERE = Path(__file__).parent
WORDS = Release(
    "full-python",
    "1.0",
    {name: _HERE.joinpath(name).read_text() for name in ("full_python.py", "system_calls.txt")},
)
"""The names that the suite's code uses, as a package that a stage asks for."""

_BEGIN = "import full_python; globals().update(full_python.names({}))\n"
_WIRE = "os.dup2(1, 3)\n"
_RESULT_AS_WIRE = """
os.dup2(os.open(os.environ["BLOCKYARD_RESULT"], os.O_CREAT | os.O_WRONLY), 3)
frame = lambda content: json.dumps(content).encode()
raw = lambda body: os.write(3, body)
send = lambda content: os.write(3, frame(content))
"""

LIMITS: dict[str, Any] = {
    "cpu_seconds": 0.5,
    "wall_seconds": 240,
    "memory_mib": 96,
    "processes": 8,
    "open_files": 64,
    "output_kib": 256,
    "result_kib": 256,
    "scratch_mib": 8,
    "file_mib": 4,
}
_SHORT = 2
"""Seconds for which a script may run that is to be ended by the clock."""

_AS_STAGES = {
    "MEMORY_LIMIT": (Code.EXIT_NONZERO, ("MemoryError", "Cannot allocate memory")),
    "PROCESS_LIMIT": (Code.EXIT_NONZERO, ("BlockingIOError", "MemoryError")),
    "FILE_SIZE_LIMIT": (Code.EXIT_NONZERO, ("File too large", "No space left on device")),
    "OPEN_FILES_LIMIT": (Code.EXIT_NONZERO, ("Too many open files",)),
    "UNHANDLED_EXCEPTION": (Code.EXIT_NONZERO, ("Error",)),
    "INVALID_TYPE": (Code.EXIT_NONZERO, ("is not plain data",)),
}
"""What a script that meets a limit of its own process says: Python tells it of most, where a guest's own code has a name for each."""

_OF_A_FORGER = (
    *(Code.EXIT_NONZERO, Code.INVALID_TYPE, Code.RESULT_LIMIT, Code.OUTPUT_LIMIT),
    *(Code.KILLED_BY_SIGNAL, Code.TIMEOUT, Code.CPU_LIMIT),
)


def policy_of(index: LocalIndex, **more: Any) -> Policy:
    """Return a tenant's policy that allows scripts and the suite's package."""
    stage = LIMITS | more.pop("stage", {})
    settings: dict[str, Any] = {
        "name": "tenant",
        "tags": "*",
        "stages": ["virtual-python", "bash", "parallel", "foreach"],
        "packages": [{"name": "full-python"}],
        "environment": {"index": {"url": index.url}},
        "stage": stage,
    }
    return Policy.model_validate(settings | more)


def adapted_cases() -> list[Case]:
    """Return all cases, with what the table changes."""
    adapted = {each.name: each for each in read_adapted()}
    return [_adapt(case, adapted) for case in read_cases()]


def _adapt(case: Case, adapted: dict[str, Case]) -> Case:
    found = adapted.get(case.name)
    if found is None:
        return case
    return replace(case, oracle=found.oracle, code=found.code.strip() or case.code)


def stage_of(case: Case, facts: dict[str, Any], *, result_as_wire: bool = False) -> dict[str, Any]:
    """Return the stage that is a case; those that speak to the platform have what is read of a script in place of the wire."""
    start = _BEGIN
    if case.name.startswith("channel/"):
        start += _RESULT_AS_WIRE if result_as_wire else _WIRE
    return {"id": "a", "run": start + case.code, "deps": ["full-python"], "vars": {"T": facts}}


def is_slow(case: Case) -> bool:
    """Whether a case ends at a clock."""
    return bool({"TIMEOUT", "CPU_LIMIT"} & set(case.oracle.split("/")))


def wall_of(case: Case) -> float:
    """Return the seconds on the clock that a case may take; what is to spend a processor's has time enough for that on a busy machine."""
    return _SHORT if "TIMEOUT" in case.oracle else LIMITS["wall_seconds"]


def only(result: RunResult) -> StageRecord:
    """Return the record of the stage ``a``."""
    assert result.problems == (), result.problems
    return result.jobs["main"].stages["a"]


def check(case: Case, record: StageRecord) -> None:
    """See that a case ended as its oracle says."""
    if case.oracle == "granted":
        assert (record.status, record.code) == (Status.SUCCESS, Code.DONE), record
    elif case.oracle == "stopped":
        assert record.status is Status.SUCCESS, record
        assert str(record.outputs["result"]).startswith("stopped"), record.outputs
    elif case.oracle == "own":
        _check_own(record)
    elif case.oracle == "channel":
        _check_channel(record)
    else:
        assert any(_is_end(record, name) for name in case.oracle.split("/")), record


def _check_own(record: StageRecord) -> None:
    if record.status is Status.SUCCESS:
        assert record.outputs["result"] in ("mine", "OWN", 7, [1, 2, 3]), record.outputs
    else:
        assert record.code is Code.EXIT_NONZERO, record


def _check_channel(record: StageRecord) -> None:
    """What it wrote is text that it printed, or a result file that is read as it stands; nothing in it is an answer, a code, or another's."""
    if record.status is Status.SUCCESS:
        assert set(record.outputs) <= {"return_code", "stdout", "stderr", "result"}
        assert record.outputs["return_code"] == 0
        assert record.outputs.get("result", "mine") != "FORGED"
    else:
        assert record.code in _OF_A_FORGER, record


def _is_end(record: StageRecord, name: str) -> bool:
    if record.code is Code[name]:
        return True
    code, words = _AS_STAGES.get(name, (None, ()))
    # Several processes of one script may say it, each in several lines: that of the last one need not be the last.
    said = f"{record.error['message'] if record.error else ''}\n{record.outputs.get('stderr', '')}"
    return record.code is code and any(word in said for word in words)


@dataclass
class Tenant:
    """A tenant's runner, with the index that serves the suite's package."""

    runner: Runner
    index: LocalIndex

    async def run(self, stage: dict[str, Any], **more: Any) -> StageRecord:
        """Run one stage as a document, and return its record."""
        return only(await self.runner.run({"name": "t", "stages": [{"id": "a"} | stage]}, **more))

    async def run_all(self, stages: Iterable[dict[str, Any]]) -> list[StageRecord]:
        """Run stages one after another, whatever becomes of each; return their records."""
        listed = [{"id": f"s{n}", "always": True} | stage for n, stage in enumerate(stages)]
        result = await self.runner.run({"name": "t", "stages": listed})
        assert result.problems == (), result.problems
        return list(result.jobs["main"].stages.values())


@dataclass
class Meanwhile:
    """Small stages that are served while something else goes on, and the seconds of each."""

    tenant: Tenant
    seconds: list[float] = field(default_factory=list[float])
    over: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Serve one after the other until it is over."""
        while not self.over.is_set():
            record = await self.tenant.run({"run": "result = 6 * 7", "deps": []})
            assert record.outputs["result"] == 42
            self.seconds.append(record.seconds)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), 0.2)

    def wants(self, number: int) -> bool:
        """Whether fewer than so many have been served yet, and more will be."""
        assert self.task is not None
        return len(self.seconds) < number and not self.task.done()


@contextlib.asynccontextmanager
async def served_meanwhile(tenant: Tenant) -> AsyncGenerator[Meanwhile]:
    """Run a small stage again and again, for the time of the context."""
    found = Meanwhile(tenant)
    found.task = asyncio.create_task(found.serve())
    try:
        yield found
    finally:
        found.over.set()
        await found.task


@contextlib.contextmanager
def tenant_of(loop: asyncio.Runner, index: LocalIndex, **more: Any) -> Generator[Tenant]:
    """Give a tenant whose sandbox runs, and whose environment is built; it is closed at the end, whatever happens."""
    runner = Runner(policy=policy_of(index, **more))
    tenant = Tenant(runner, index)
    hosts = {"hosts": ["127.0.0.1"]} if "hosts" in more else {}
    try:
        warm = loop.run(tenant.run({"run": "result = 1", "deps": ["full-python"]} | hosts))
        assert warm.outputs.get("result") == 1, warm
        yield tenant
    finally:
        loop.run(runner.close())


@contextlib.contextmanager
def own_cache() -> Generator[Path]:
    """Keep what is built away from the user's own cache."""
    before = os.environ.get("BLOCKYARD_CACHE")
    with tempfile.TemporaryDirectory(prefix="blockyard-cache-") as folder:
        os.environ["BLOCKYARD_CACHE"] = folder
        try:
            yield Path(folder)
        finally:
            os.environ.pop("BLOCKYARD_CACHE")
            if before is not None:
                os.environ["BLOCKYARD_CACHE"] = before
