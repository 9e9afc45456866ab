"""Documents: what is valid, what is left to the admission, and how problems of many and of deep documents are told."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from blockyard_schemas.problems import Problem
from blockyard_schemas.reader import from_data, read
from blockyard_schemas.validation import MOST, is_valid, validate

Check = Callable[..., list[Problem]]

EVERYTHING = """\
name: everything
type: Workflow
desc: All of it.
params:
  month: {type: string, pattern: '^\\d{4}-\\d{2}$', default: "2026-01"}
  n: int
  c: {type: choice, options: [a, b]}
  d: {type: object, properties: {x: int, y: {type: array, items: str}}, required: [x], additionalProperties: false}
on:
  schedule:
    - {cron: '0 6 * * *', timezone: Europe/Paris}
    - {cronjob: '0 6 * * *'}
    - {interval: weekly, day: monday, time: '06:00'}
    - {cron: '@daily', missed: all, overlap: queue, params: {month: "${{ fire.nominal }}"}}
  webhook: {path: hook, secret: hook, mode: sync, timeout: 1m, signature: {style: timestamped, header: X, window: 60}, params: {n: 1}}
  after: [other, {workflow: third, when: done, params: {c: "${{ event.status }}"}}]
concurrency: {group: "m-${{ params.month }}", max: 2, cancel-in-progress: true}
timeout: 10m
jobs:
  fetch:
    name: Fetch
    desc: Gets it.
    needs: []
    if: "${{ params.n > 1 }}"
    strategy:
      matrix: {os: [a, b], n: "${{ params.list }}"}
      include: [{os: c}]
      exclude: [{os: a}]
      max-parallel: 2
      fail-fast: true
    trigger-rule: all_success
    retry: 3
    timeout: 1h30m
    runs-on: local
    stages:
      - {id: a, name: A, desc: d, if: true, retry: 0, timeout: 5, continue-on-error: true, always: false, extras: {x: 1}}
      - {echo: hi, sleep: 1800}
      - {sleep: 90s}
      - {uses: text.join, with: {items: [a]}}
      - {uses: text/join@v1, args: {items: "${{ params.c }}"}}
      - {uses: text.join@v1, with: "${{ item }}"}
      - {run: result = 1, vars: {x: 1}}
      - {run: print(1), deps: [requests], python: '3.12', vars: {}}
      - {bash: ls, env: {A: 1, B: x, C: true}}
      - {image: alpine, tag: '3', command: [ls, -l], env: {}, volume: {data: /data}, auth: main, pull: missing}
      - {trigger: other, params: {x: 1}}
      - parallel: {left: [{}], right: []}
        max-workers: 19
      - foreach: [1, {a: 2}]
        stages: [{echo: "${{ item }}"}]
        concurrent: 9
        use-index-as-key: true
        fail-fast: false
      - {foreach: "${{ params.list }}", stages: [], use_index_as_key: true}
      - {foreach: {a: 1}, stages: []}
      - {until: "${{ item > 3 }}", item: 0, stages: [], max-loop: 99}
      - {until: true, stages: [], max_loop: "${{ params.n }}"}
      - {case: "${{ params.c }}", match: [{case: a, stages: []}, {else: []}], skip-not-match: true}
      - {try: [{}], catch: [{}], finally: [{}]}
      - {wait: 10m}
      - {wait: {approval: {message: ok?, form: {properties: {why: {type: string, maxLength: 9}}, required: [why]}, from: [lead], timeout: 1d, on-timeout: refuse}}}
      - raise: "no ${{ params.n }}"
      - {retry: {attempts: 20, delay: 1s, backoff: 2, max-delay: 1m, jitter: true, on: [TIMEOUT]}}
      - {retry: "${{ params.n }}", timeout: "${{ params.n }}"}
outputs: {total: "${{ stages.a.outputs.result }}", all: [1, {x: 2}]}
"""


def test_everything_that_a_document_can_say_is_valid(check: Check) -> None:
    assert check(EVERYTHING) == []


def one(check: Check, text: str) -> Problem:
    """Return the only problem of a text."""
    found = check(text)
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    "stage",
    [
        "{uses: no.such}",
        "{uses: secret.read, with: {name: x}}",
        "{image: alpine}",
        "{timeout: soon}",
        "{retry: {on: SOMETIMES}}",
        "{run: '" + "x" * (256 * 1024 + 1) + "'}",
    ],
)
def test_what_the_admission_explains_is_left_to_it(
    check: Check, schema: dict[str, Any], stage: str
) -> None:
    text = f"name: t\nstages: [{stage}]"
    assert check(text) == []
    assert not is_valid(read(text).data, schema)


def test_problems_come_in_the_order_of_the_text(check: Check) -> None:
    text = "nam: t\nname: t\nstages: [{ecko: 1}]\nparams: {a: x}\nz: 1\n"
    assert [it.line for it in check(text)] == [1, 3, 4, 5]


def test_there_is_a_last_problem_when_there_are_too_many(check: Check) -> None:
    found = check("name: t\nstages:\n" + "  - {ecko: hi}\n" * 1000)
    assert len(found) == MOST + 1
    assert found[-1].rule == "too-many-problems"
    assert found[0].line == 3


def test_one_wrong_stage_of_thousands_is_found(check: Check) -> None:
    stages = ["  - {uses: text.join, with: {items: [a]}}\n"] * 9_999
    stages[7_000] = "  - {uses: text.join, with: {items: 3}}\n"
    problem = one(check, "name: t\nstages:\n" + "".join(stages))
    assert (problem.pointer, problem.line) == ("/stages/7000/with/items", 7_003)


def test_a_document_without_text_has_problems_without_places(schema: dict[str, Any]) -> None:
    (problem,) = validate(from_data({"name": "t", "stages": [{"ecko": 1}]}), schema)
    assert (problem.pointer, problem.line, problem.column) == ("/stages/0/ecko", None, None)


@pytest.mark.parametrize("levels", [10, 20, 30])
def test_an_error_deep_inside_is_explained_too(schema: dict[str, Any], levels: int) -> None:
    stage: Any = {"ecko": 1}
    for _ in range(levels):
        stage = {"try": [], "finally": [stage]}
    (problem,) = validate(read(json.dumps({"name": "t", "stages": [stage]})), schema)
    assert problem.rule == "unknown-key"
    assert problem.pointer == "/stages/0" + "/finally/0" * levels + "/ecko"
    assert problem.hint == "did you mean 'echo'?"
