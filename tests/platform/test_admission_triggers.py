"""``on`` and ``concurrency`` in admission: every problem with its place, and what a plan knows of them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockyard_platform import run, validate
from blockyard_platform.triggers.overlap import Group
from blockyard_platform.triggers.reading import After
from blockyard_platform.triggers.reading_groups import key_of

COMMAND = str(Path(sys.executable).parent / "blockyard")

WHOLE = """\
name: t
params: {month: {type: string, default: "2026-01"}, total: {type: integer, default: 0}}
on:
  schedule:
    - {cron: '0 6 * * MON-FRI', timezone: Europe/Paris, missed: all, overlap: queue}
    - {interval: weekly, day: friday, time: '18:00', params: {month: "${{ fire.nominal }}"}}
  webhook: {path: orders/new, secret: ORDERS, mode: sync, timeout: 1m, params: {total: "${{ event.body.total }}"}}
  after: {workflow: load, when: done, params: {month: "${{ event.status }}"}}
concurrency: {group: "months-${{ params.month }}", max: 2, cancel-in-progress: true}
stages: [{id: a, echo: "${{ params.month }}"}]
"""


def found(text: str) -> list[tuple[str, str, int | None, str]]:
    """Return (rule, pointer, line, message) of each problem of a document."""
    return [(it.rule, it.pointer, it.line, it.message) for it in validate(text).problems]


def test_a_plan_knows_what_starts_it() -> None:
    outcome = validate(WHOLE)
    assert outcome.problems == ()
    plan = outcome.plan
    assert plan is not None
    assert plan.triggers is not None
    assert [it.cron.expression for it in plan.triggers.schedules] == [
        "0 6 * * MON-FRI",
        "0 18 * * 5",
    ]
    assert [it.name for it in plan.triggers.hooks] == ["orders/new"]
    assert plan.triggers.after == (After("load", "done", {"month": "${{ event.status }}"}),)
    assert plan.concurrency == Group("months-${{ params.month }}", 2, cancel_in_progress=True)
    group = plan.concurrency
    assert group is not None
    assert key_of(group, {"month": "x "}) == "months-x"


def test_a_plan_without_triggers_has_none() -> None:
    plan = validate("name: t\nstages: []\n").plan
    assert plan is not None
    assert (plan.triggers, plan.concurrency) == (None, None)


def test_a_run_that_is_started_by_hand_ignores_them() -> None:
    result = run(WHOLE, params={"month": "2026-02"})
    assert (result.status, result.problems) == ("SUCCESS", ())
    assert [line.text for line in result.logs] == ["2026-02"]


@pytest.mark.parametrize(
    ("section", "rule", "pointer", "line", "message"),
    [
        ("on: {schedul: []}", "unknown-key", "/on/schedul", 2, "on has no key 'schedul'"),
        ("on:\n  schedule:\n    - {cron: '0 25 * * *'}", "cron", "/on/schedule/0/cron", 4, "the field hour"),
        ("on:\n  schedule:\n    - {cron: '@daily', timezone: Europe/Pari}", "time-zone", "/on/schedule/0/timezone", 4, "is not a time zone"),
        ("on: {schedule: [{}]}", "missing-key", "/on/schedule/0", 2, "needs the key 'cron'"),
        ("on: {schedule: [{cron: '@daily', cronjob: '@daily'}]}", "kinds", "/on/schedule/0/cronjob", 2, "not both"),
        ("on: {schedule: [{interval: yearly}]}", "choice", "/on/schedule/0/interval", 2, "daily, weekly, monthly"),
        ("on: {schedule: {}}", "type", "/on/schedule", 2, "must be a list"),
        ("on: {schedule: [{cron: '@daily', overlp: skip}]}", "unknown-key", "/on/schedule/0/overlp", 2, "no key 'overlp'"),
        ("on: {schedule: [{cron: '@daily', params: {x: '${{ fire.nominl }}'}}]}", "unknown-name", "/on/schedule/0/params/x", 2, "'fire' has no 'nominl' here"),
        ("on: {schedule: [{cron: '@daily', params: {x: '${{ event.body }}'}}]}", "unknown-name", "/on/schedule/0/params/x", 2, "'event' is not a name"),
        ("on: {schedule: [{cron: '@daily', params: {x: '${{ len(fire.nominal) }}'}}]}", "expression", "/on/schedule/0/params/x", 2, "nothing can be computed here"),
        ("on: {schedule: [{cron: '@daily', params: {x: '${{ fire.nominal | text.upper }}'}}]}", "expression", "/on/schedule/0/params/x", 2, "nothing can be computed here"),
        ("on: {schedule: [{cron: '@daily', params: {x: '${{ fire.nominal'}}]}", "expression", "/on/schedule/0/params/x", 2, "not closed"),
        ("params: {month: string}\non: {schedule: [{cron: '@daily', params: {mont: a}}]}", "param", "/on/schedule/0/params/mont", 3, "takes no param 'mont'"),
        ("params: {month: string}\non: {schedule: [{cron: '@daily'}]}", "param", "/on/schedule/0", 3, "the param 'month' is missing"),
        ("params: {n: int}\non: {after: [{workflow: a, params: {n: x}}]}", "param", "/on/after/0/params/n", 3, ""),
        ("params: {n: int}\non: {after: {workflow: a, params: {n: x}}}", "param", "/on/after/params/n", 3, ""),
        ("on: {webhook: {path: /a, secret: S}}", "format", "/on/webhook/path", 2, "'path' of a webhook"),
        ("on: {webhook: {path: a}}", "missing-key", "/on/webhook", 2, "needs the key 'secret'"),
        ("on: {webhook: {path: a, secret: S, params: {x: '${{ event.headers }}'}}}", "unknown-name", "/on/webhook/params/x", 2, "'event' has no 'headers'"),
        ("on: {after: [a, a]}", "kinds", "/on/after/1", 2, "stands twice"),
        ("on: 5", "type", "/on", 2, "must be a mapping"),
        ("concurrency: {}", "missing-key", "/concurrency", 2, "needs the key 'group'"),
        ("concurrency: {grup: a}", "unknown-key", "/concurrency/grup", 2, "concurrency has no key 'grup'"),
        ("concurrency: {group: a, max: 0}", "range", "/concurrency/max", 2, "'max' must be"),
        ("concurrency: {group: a, cancel-in-progress: 1}", "type", "/concurrency/cancel-in-progress", 2, "true or false"),
        ("concurrency: '${{ params.x }}'", "unknown-name", "/concurrency", 2, "'params' has no 'x' here"),
        ("concurrency: '${{ 1 + 1 }}'", "expression", "/concurrency", 2, "nothing can be computed here"),
        ("concurrency: ' '", "format", "/concurrency", 2, "printable characters"),
        ("concurrency: [a]", "type", "/concurrency", 2, "must be"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_once_with_its_place(
    section: str, rule: str, pointer: str, line: int, message: str
) -> None:
    problems = [it for it in found(f"name: t\n{section}\nstages: []\n") if it[1] == pointer]
    assert [it[:3] for it in problems] == [(rule, pointer, line)]
    assert message in problems[0][3]


WORDS = st.sampled_from(
    ["schedule", "webhook", "after", "cron", "interval", "day", "time", "timezone", "missed", "params", "path", "secret",
     "signature", "style", "workflow", "when", "@daily", "daily", "group", "max", "${{ params.a }}", "${{ fire.x }}", "${{"]
)  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 40) | st.text(max_size=3) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(on=VALUES, concurrency=VALUES)
def test_whatever_stands_there_has_a_verdict(on: Any, concurrency: Any) -> None:
    document: dict[str, Any] = {"name": "t", "on": on, "concurrency": concurrency, "stages": []}
    outcome = validate(document)
    assert outcome.valid != bool(outcome.problems)
    assert "schema" not in {problem.rule for problem in outcome.problems}


def plan(*words: str) -> str:
    """Return what the command prints for the whole document."""
    done = subprocess.run(
        [COMMAND, "plan", "-", *words],
        input=WHOLE, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def test_the_command_shows_what_starts_it() -> None:
    lines = (
        "schedule: 0 6 * * MON-FRI in Europe/Paris (missed: all, overlap: queue)",
        "schedule: 0 18 * * 5 in UTC (missed: once, overlap: skip)",
        "webhook: orders/new (sync, signed with the secret ORDERS)",
        "after: load (done)",
        "at once: 2 of the group months-${{ params.month }}, a new one ends the oldest",
    )
    shown = plan()
    assert [line for line in lines if line not in shown] == []
    assert json.loads(plan("--json"))["plan"]["starts"] == list(lines)
