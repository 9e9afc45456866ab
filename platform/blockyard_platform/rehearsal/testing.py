"""The tests that stand in a document: each a run with its own params and mocks, and what is expected of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blockyard_platform.plain import is_list, is_mapping
from blockyard_platform.rehearsal.stand_ins import read_mocks, stage_of
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from blockyard_platform.events import RunView
    from blockyard_platform.results import RunResult, StageRecord
    from blockyard_platform.runner import Runner

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one test went: what differs from what was expected; nothing when it passed."""

    name: str
    differences: tuple[str, ...]
    result: RunResult

    @property
    def passed(self) -> bool:
        """Whether all was as expected."""
        return not self.differences


async def run_tests(
    runner: Runner, document: dict[str, Any], names: Iterable[str] = ()
) -> AsyncIterator[Outcome]:
    """Run the tests of an admitted document, in order; all of them, or those that are named."""
    wanted = set(names)
    for test in document.get("tests", ()):
        if not wanted or test["name"] in wanted:
            yield await _run(runner, document, test)


async def _run(runner: Runner, document: dict[str, Any], test: dict[str, Any]) -> Outcome:
    records: dict[str, StageRecord] = {}

    def note(_run: RunView, record: StageRecord) -> None:
        records[record.path] = record

    mocks = read_mocks(test.get("mocks"))
    result = await runner.run(document, params=test.get("params"), mocks=mocks, on_step_update=note)
    expected: dict[str, Any] = test.get("expect") or {}
    found = _differences(expected, result, records)
    if "problem" not in expected:
        found += _not_played(mocks, records)
    return Outcome(test["name"], tuple(found), result)


def _not_played(mocks: Iterable[str], records: Iterable[str]) -> list[str]:
    played = {*records, *(stage_of(path) for path in records)}
    return [f"mocks/{name}: no such stage was reached" for name in mocks if name not in played]


def _differences(
    expected: dict[str, Any], result: RunResult, records: dict[str, StageRecord]
) -> list[str]:
    rules = [problem.rule for problem in result.problems]
    if "problem" in expected:
        wanted = expected["problem"]
        return [] if wanted in rules else [f"problem: expected {wanted}, got {_said(rules)}"]
    found: list[str] = []
    status = expected.get("status", Status.SUCCESS.value)
    if result.status.value != status:
        found.append(f"status: expected {status}, got {result.status.value}{_why(result)}")
    if "outputs" in expected:
        found += different("outputs", expected["outputs"], dict(result.outputs))
    stages: dict[str, Any] = expected.get("stages") or {}
    for path, wanted in stages.items():
        found += _stage(path, wanted, records.get(path))
    return found


def _stage(path: str, expected: dict[str, Any], record: StageRecord | None) -> list[str]:
    if record is None:
        return [f"stages/{path}: no such stage was reached; it is named by its node path"]
    found: list[str] = []
    for key, actual in (("status", record.status.value), ("code", record.code.name)):
        if key in expected and expected[key] != actual:
            found.append(f"stages/{path}/{key}: expected {expected[key]}, got {actual}")
    if "outputs" in expected:
        found += different(f"stages/{path}/outputs", expected["outputs"], record.outputs)
    return found


def _why(result: RunResult) -> str:
    """Return what went wrong first, to be said behind a status that was not expected."""
    for problem in result.problems:
        return f" ({problem.rule}: {problem.message[:_LONGEST]})"
    for job in result.jobs.values():
        for record in job.records():
            if record.status is Status.FAILED and record.error is not None:
                return f" ({record.path}: {record.error['message'][:_LONGEST]})"
    return ""


def different(place: str, expected: Any, actual: Any) -> list[str]:
    """Return where two values of plain data differ, each place as a path of keys and positions."""
    if is_mapping(expected) and is_mapping(actual):
        found: list[str] = []
        for key in [*expected, *(key for key in actual if key not in expected)]:
            where = f"{place}/{key}"
            if key not in actual:
                found.append(f"{where}: expected {_said(expected[key])}, and it is not there")
            elif key not in expected:
                found.append(f"{where}: is {_said(actual[key])}, and was not expected")
            else:
                found += different(where, expected[key], actual[key])
        return found
    if is_list(expected) and is_list(actual) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return [it for index, pair in pairs for it in different(f"{place}/{index}", *pair)]
    same = expected == actual and isinstance(expected, bool) == isinstance(actual, bool)
    return [] if same else [f"{place}: expected {_said(expected)}, got {_said(actual)}"]


def _said(value: Any) -> str:
    import json

    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
