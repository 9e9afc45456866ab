"""What a short document can have admission do: no more than its own limits hold for."""

import json
import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from blockyard_platform import Admission, Runner
from blockyard_platform.admission import admit
from blockyard_platform.host_blocks import platform_catalog
from blockyard_schemas.params import resolve_params
from blockyard_schemas.policy import Policy
from blockyard_schemas.reader import Source, from_data, read

POLICY = Policy.model_validate({"stages": ["empty", "trigger"], "steps": 20, "document_kib": 8})


class Counted:
    """Workflows of any name, all alike, or as their names say; and how many were looked at."""

    def __init__(self, *, text: str = "", triggers: int = 0) -> None:
        self.asked: list[str] = []
        self.listed = 0
        self._text = text
        self._triggers = triggers

    def find(self, name: str, most: int) -> Source | None:
        self.asked.append(name)
        if name.startswith("no"):
            return None
        stages: list[Any] = [{"id": "a", "echo": self._text}]
        stages += [{"trigger": f"{name}-{n}"} for n in range(self._triggers)]
        return from_data({"name": name, "stages": stages})

    def names(self) -> list[str]:
        self.listed += 1
        return ["w"]


async def admitted(workflows: Counted, triggers: int) -> Admission:
    stages = [{"trigger": f"w{n}"} for n in range(triggers)]
    async with Runner(policy=POLICY, workflows=workflows) as runner:
        return runner.admit({"name": "t", "stages": stages})


MANY = 2_000
WRONG: dict[str, dict[str, Any]] = {
    # documents of which each part is wrong, in a way that takes words to explain
    "blocks that are not there": {"stages": [{"uses": f"text.no{n}"} for n in range(MANY)]},
    "stages that are not there": {
        "stages": [{"echo": f"${{{{ stages.no{n}.outputs.result }}}}"} for n in range(MANY)]
    },
    "jobs that are not there": {
        "jobs": {f"j{n}": {"needs": [f"no{n}"], "stages": [{"echo": "x"}]} for n in range(MANY)}
    },
    "keys that there are not": {"stages": [{"echo": "x"}], **{f"no{n}": 1 for n in range(MANY)}},
    "keys of a stage": {"stages": [{"echo": "x", **{f"no{n}": 1 for n in range(MANY)}}]},
    "secrets": {
        "stages": [
            {
                "uses": "http.request",
                "with": {"url": "x", "headers": {f"h{n}": {"secret": "S"} for n in range(MANY)}},
            }
        ]
    },
}


@pytest.mark.parametrize("name", WRONG)
def test_a_document_of_which_all_is_wrong_is_given_up_soon(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed: list[str] = []
    place = Source.locate

    def counted(source: Source, pointer: str, *, key: bool = False) -> tuple[int, int] | None:
        placed.append(pointer)
        return place(source, pointer, key=key)

    monkeypatch.setattr(Source, "locate", counted)
    policy = Policy.model_validate({"tags": "*", "stages": ["empty", "call"], "document_kib": 1024})
    text = json.dumps({"name": "t", **WRONG[name]})
    problems = admit(read(text), policy, platform_catalog()).problems
    assert 100 <= len(problems) <= 202
    assert "more" in problems[-1].message or "more" in problems[0].message
    assert len(placed) < 1_000
    assert max(len(it.message) + len(it.hint or "") for it in problems) < 1_000


async def test_a_document_with_too_many_stages_has_none_looked_at() -> None:
    found = Counted()
    outcome = await admitted(found, 21)
    assert [it.rule for it in outcome.problems] == ["STEP_LIMIT_EXCEED"]
    assert found.asked == []


async def test_no_more_are_looked_at_once_there_are_too_many_stages() -> None:
    found = Counted(triggers=5)
    outcome = await admitted(found, 10)
    assert {it.rule for it in outcome.problems} == {"STEP_LIMIT_EXCEED"}
    assert len(found.asked) == 2  # 10 and 6 are fewer than 20, and 10 and 6 and 6 are more


async def test_the_stages_of_one_workflow_count_for_each_trigger_and_are_looked_at_once() -> None:
    found = Counted()
    async with Runner(policy=POLICY, workflows=found) as runner:
        fits = runner.admit({"name": "t", "stages": [{"trigger": "w"}] * 10})
        more = runner.admit({"name": "t", "stages": [{"trigger": "w"}] * 11})
    assert (fits.problems, found.asked) == ((), ["w", "w"])
    assert ["22 stages" in it.message for it in more.problems] == [True]


async def test_no_more_are_looked_at_once_they_are_too_long_together() -> None:
    found = Counted(text="x" * 8_000)
    assert (await admitted(found, 4)).valid
    assert found.asked == ["w0", "w1", "w2", "w3"]
    found.asked.clear()
    outcome = await admitted(found, 8)
    assert {(it.rule, it.pointer) for it in outcome.problems} == {
        ("policy-limit", f"/stages/{n}/trigger") for n in range(4, 8)
    }
    assert all("together longer than the 32768 bytes" in it.message for it in outcome.problems)
    assert len(found.asked) == 5


async def test_the_names_for_hints_are_asked_for_once() -> None:
    found = Counted()
    async with Runner(policy=POLICY, workflows=found) as runner:
        stages = [{"trigger": f"no{n}"} for n in range(20)]
        outcome = runner.admit({"name": "t", "stages": stages})
    assert [it.rule for it in outcome.problems] == ["unknown-workflow"] * 20
    assert found.listed == 1


def patterned(count: int) -> dict[str, Any]:
    """Return params with so many patterns, at several depths."""
    inner = {f"k{n}": {"type": "string", "pattern": f"a{n}"} for n in range(count - 3)}
    text = {"type": "string", "pattern": "b"}
    some = {"type": "map", "properties": inner, "additionalProperties": text}
    return {"a": {"type": "array", "items": some}, "b": text, "c": {**text, "default": "ab"}}


async def test_patterns_are_counted_before_they_are_compiled() -> None:
    form = {"type": "object", "properties": {"x": {"type": "string", "pattern": "("}}}
    asks = {"wait": {"approval": {"message": "?", "form": form}}}
    policy = Policy.model_validate({"stages": ["empty", "wait"]})
    async with Runner(policy=policy) as runner:
        fits = runner.admit({"name": "t", "params": patterned(100), "stages": []})
        more = runner.admit({"name": "t", "params": patterned(100), "stages": [asks]})
    assert fits.problems == ()
    assert [it.rule for it in more.problems] == ["limit"]
    assert "have 101 patterns" in more.problems[0].message


async def test_patterns_of_what_is_triggered_count() -> None:
    child: dict[str, Any] = {"name": "c", "params": {"x": {"type": "string", "pattern": "a", "default": "a"}}, "stages": []}  # fmt: skip
    stages = [{"trigger": "c"}, {"trigger": "c"}]
    async with Runner(policy=POLICY, workflows={"c": child}) as runner:
        fits = runner.admit({"name": "t", "params": patterned(99), "stages": stages})
        more = runner.admit({"name": "t", "params": patterned(100), "stages": stages})
    assert fits.problems == ()
    assert ["101 patterns" in it.message for it in more.problems] == [True, True]


@contextmanager
def profiled() -> Generator[Counter[str]]:
    """Count the calls of functions of Python, by name."""
    calls: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            calls[frame.f_code.co_name] += 1

    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)


async def test_what_a_declaration_takes_is_worked_out_once_for_all_values() -> None:
    declared = {"x": {"type": "array", "items": {"enum": [f"e{n}" for n in range(1_000)]}}}
    with profiled() as calls:
        values = resolve_params(declared, {"x": ["e999"] * 500})
    assert values == {"x": ["e999"] * 500}
    assert calls["canonical"] == 1_500
