"""Wrong documents: what each is told, and at which place."""

from collections.abc import Callable
from typing import Any

import pytest

from blockyard_schemas.checking import faults_of
from blockyard_schemas.faults import deep_faults
from blockyard_schemas.problems import Problem
from blockyard_schemas.reader import read
from blockyard_schemas.validation import without_rules

Check = Callable[..., list[Problem]]

S = "name: t\nstages:\n"
WRONG: list[tuple[str, str, str, tuple[int, int], str, str | None]] = [
    ("stages: []", "missing-key", "", (1, 1), "a workflow needs the key 'name'", "add 'name:'"),
    ("name: t", "missing-key", "", (1, 1), "a workflow needs the key 'stages'", "add 'stages:'"),
    ("name: t\nstage: []", "unknown-key", "/stage", (2, 1), "no key 'stage'", "mean 'stages'?"),
    ("name: 3\nstages: []", "type", "/name", (1, 7), "'name' must be text, not 3", "quotes: '3'"),
    ("name: ''\nstages: []", "length", "/name", (1, 7), "at least 1 character, not 0", None),
    ("name:\nstages: []", "type", "/name", (1, 6), "not nothing (null)", "give it a value"),
    ("- name: t", "type", "", (1, 1), "the document must be a mapping", None),
    ("hello", "type", "", (1, 1), "must be a mapping, not text 'hello'", None),
    ("name: t\nstages: {a: 1}", "type", "/stages", (2, 9), "must be a list", "dash"),
    ("name: t\nstages: text.join", "type", "/stages", (2, 9), "must be a list", "[a, b]"),
    ("name: t\nstages:", "type", "/stages", (2, 8), "must be a list", "give it a value"),
    (
        "name: t\nstages: []\njobs: {a: {stages: []}}",
        "kinds",
        "/stages",
        (2, 1),
        "either 'stages' or 'jobs'",
        "under 'jobs'",
    ),
    ("name: t\njobs: {}", "length", "/jobs", (2, 7), "at least 1 key, not 0", None),
    ("name: t\njobs: {a b: {stages: []}}", "format", "/jobs/a b", (2, 8), "name 'a b'", "another"),
    ("name: t\njobs: {a: {}}", "missing-key", "/jobs/a", (2, 11), "a job needs the key", "add"),
    (
        "name: t\njobs:\n  a: {stages: [], trigger-rule: all_succes}",
        "choice",
        "/jobs/a/trigger-rule",
        (3, 33),
        "one of all_success, all_failed",
        "mean 'all_success'?",
    ),
    (
        "name: t\njobs:\n  a: {stages: [], runs_on: local}",
        "unknown-key",
        "/jobs/a/runs_on",
        (3, 19),
        "a job has no key 'runs_on'",
        "mean 'runs-on'?",
    ),
    (
        "name: t\non: {schedul: []}\nstages: []",
        "unknown-key",
        "/on/schedul",
        (2, 6),
        "on has no key 'schedul'",
        "mean 'schedule'?",
    ),
    (
        "name: t\ntimeout: -1\nstages: []",
        "range",
        "/timeout",
        (2, 10),
        "at least 0, not -1",
        "from",
    ),
    ("name: t\ntimeout: [1]\nstages: []", "type", "/timeout", (2, 10), "such as 90s", None),
    ("name: t\nparams: {n: strin}\nstages: []", "choice", "/params/n", (2, 13), "one of", "string"),
    (
        "name: t\nparams: {n: {type: int, minimun: 1}}\nstages: []",
        "unknown-key",
        "/params/n/minimun",
        (2, 25),
        "a param has no key 'minimun'",
        "mean 'minimum'?",
    ),
    (
        "name: t\nparams: {n: {$ref: 'file:///etc/passwd'}}\nstages: []",
        "unknown-key",
        "/params/n/$ref",
        (2, 14),
        "a param has no key '$ref'",
        "keys that it may have: type",
    ),
    (S + "  - ecko: hi", "unknown-key", "/stages/0/ecko", (3, 5), "'ecko'", "mean 'echo'?"),
    (
        S + "  - text.join",
        "type",
        "/stages/0",
        (3, 5),
        "item 1 of 'stages' must be a mapping",
        None,
    ),
    (S + "  -", "type", "/stages/0", (3, 4), "must be a mapping, not nothing", "value"),
    (
        S + "  - usse: text.join",
        "unknown-key",
        "/stages/0/usse",
        (3, 5),
        "no stage has a key 'usse'",
        "mean 'uses'?",
    ),
    (
        S + "  - with: {a: 1}",
        "unknown-key",
        "/stages/0/with",
        (3, 5),
        "'with' goes with 'uses'",
        "add 'uses'",
    ),
    (
        S + "  - run: x\n    bash: y",
        "kinds",
        "/stages/0/bash",
        (4, 5),
        "this one has 'run' and 'bash'",
        "a stage of its own",
    ),
    (
        S + "  - bash: y\n    env: {A: [1]}",
        "type",
        "/stages/0/env/A",
        (4, 14),
        "must be text or a number or true or false",
        None,
    ),
    (
        S + "  - {deps: [a]}",
        "missing-key",
        "/stages/0",
        (3, 5),
        "needs the key 'run'",
        "add 'run:'",
    ),
    (S + "  - {run: x, with: {}}", "unknown-key", "/stages/0/with", (3, 14), "'run'", "'uses'"),
    (S + "  - {id: a b}", "format", "/stages/0/id", (3, 10), "(no spaces or dots)", "'a-b'"),
    (S + "  - {id: 3}", "type", "/stages/0/id", (3, 10), "must be a letter or _, then", "'3'"),
    (S + "  - {retry: 20}", "range", "/stages/0/retry", (3, 13), "at most 19, not 20", "0 to 19"),
    (S + "  - {retry: {attempt: 2}}", "unknown-key", "/stages/0/retry/attempt", (3, 14), "", "'at"),
    (
        S + "  - {retry: {attempts: 0}}",
        "range",
        "/stages/0/retry/attempts",
        (3, 24),
        "least 1",
        "1",
    ),
    (S + "  - {retry: soon}", "type", "/stages/0/retry", (3, 13), "0 to 19 further", "${{ ... }}"),
    (S + "  - {sleep: 1801}", "range", "/stages/0/sleep", (3, 13), "at most 1800", "0 to 1800"),
    (
        S + "  - {parallel: {}, max-workers: 20}",
        "range",
        "/stages/0/max-workers",
        (3, 33),
        "at most 19, not 20",
        "1 to 19",
    ),
    (
        S + "  - {parallel: {}, max-workers: 1, max_workers: 2}",
        "kinds",
        "/stages/0/max-workers",
        (3, 20),
        "two spellings of one key",
        "keep 'max-workers'",
    ),
    (
        S + "  - {parallel: [[{}]]}",
        "type",
        "/stages/0/parallel",
        (3, 16),
        "must be a mapping",
        "left",
    ),
    (
        S + "  - {foreach: 3, stages: []}",
        "type",
        "/stages/0/foreach",
        (3, 15),
        "a list, a mapping or an expression",
        None,
    ),
    (
        S + "  - {foreach: [1]}",
        "missing-key",
        "/stages/0",
        (3, 5),
        "'foreach' needs the key",
        "add",
    ),
    (
        S + "  - {foreach: [1], stages: [], concurrent: 10}",
        "range",
        "/stages/0/concurrent",
        (3, 44),
        "at most 9, not 10",
        "1 to 9",
    ),
    (
        S + "  - {until: true, stages: [], max-loop: 100}",
        "range",
        "/stages/0/max-loop",
        (3, 41),
        "at most 99, not 100",
        "1 to 99",
    ),
    (
        S + "  - {case: x, match: []}",
        "length",
        "/stages/0/match",
        (3, 22),
        "at least 1 item, not 0",
        None,
    ),
    (
        S + "  - case: x\n    match:\n      - {case: 1, stage: []}",
        "unknown-key",
        "/stages/0/match/0/stage",
        (5, 19),
        "no key 'stage'",
        "mean 'stages'?",
    ),
    (
        S + "  - try: [{}]\n    except: [{}]",
        "unknown-key",
        "/stages/0/except",
        (4, 5),
        "a stage with 'try' has no key 'except'",
        "try, catch, finally",
    ),
    (
        S + "  - {always: maybe}",
        "type",
        "/stages/0/always",
        (3, 14),
        "true or false, not text 'maybe'",
        "quotes",
    ),
    (
        S + "  - uses: text.join",
        "missing-key",
        "/stages/0",
        (3, 5),
        "the block 'text.join' needs items",
        "with: {items: ...}",
    ),
    (
        S + "  - uses: text.join\n    with: {itmes: [a], items: [a]}",
        "unknown-key",
        "/stages/0/with/itmes",
        (4, 12),
        "the block 'text.join' has no key 'itmes'",
        "mean 'items'?",
    ),
    (
        S + "  - uses: text/join@v1\n    with: {items: [a, 2]}",
        "type",
        "/stages/0/with/items/1",
        (4, 23),
        "item 2 of 'items' must be text, not 2",
        "'2'",
    ),
    (
        S + "  - uses: text.join\n    with: {items: [a], separator: abcdefg}",
        "length",
        "/stages/0/with/separator",
        (4, 35),
        "at most 5 characters, not 7",
        None,
    ),
    (
        S + "  - uses: math.add\n    args: {a: x}",
        "type",
        "/stages/0/args/a",
        (4, 15),
        "must be a number, not text 'x'",
        "take the quotes away",
    ),
    (
        S + "  - uses: math.add\n    with: {a: 1, b: 1.5}",
        "type",
        "/stages/0/with/b",
        (4, 21),
        "must be a whole number or null, not 1.5",
        None,
    ),
    (
        S + "  - uses: table.sort\n    with: {rows: [{a: 1}, {a: x}]}",
        "type",
        "/stages/0/with/rows/1/a",
        (4, 31),
        "'a' must be a whole number",
        "quotes",
    ),
    (
        S + "  - uses: table.sort\n    with: {order: upp}",
        "choice",
        "/stages/0/with/order",
        (4, 19),
        "one of up, down",
        "mean 'up'?",
    ),
    (
        "t:\n  type: Workflow\nname: t\nstages: []",
        "unknown-key",
        "/t",
        (1, 1),
        "a workflow has no key 't'",
        "`name: t` at the top",
    ),
]


@pytest.mark.parametrize(("text", "rule", "pointer", "place", "message", "hint"), WRONG)
def test_a_wrong_document_is_told_where_what_and_what_to_do(
    check: Check,
    text: str,
    rule: str,
    pointer: str,
    place: tuple[int, int],
    message: str,
    hint: str | None,
) -> None:
    found = [it for it in check(text) if (it.rule, it.pointer) == (rule, pointer)]
    assert len(found) == 1, check(text)
    (problem,) = found
    assert (problem.line, problem.column) == place
    assert message in problem.message
    assert (problem.hint is None) if hint is None else (hint in (problem.hint or ""))


def test_no_message_speaks_of_schemas(check: Check) -> None:
    for text, *_ in WRONG:
        for problem in check(text):
            assert "given schemas" not in problem.message
            assert "should not be valid" not in problem.message


@pytest.mark.parametrize("text", [text for text, *_ in WRONG])
def test_the_errors_of_the_deep_way_are_the_same(schema: dict[str, Any], text: str) -> None:
    data = read(text).data
    rest = without_rules(schema)
    usual = {(it.keyword, it.path) for it in faults_of(data, rest)}
    assert {(it.keyword, it.path) for it in deep_faults(data, rest)} == usual
    for fault in deep_faults(data, rest):
        assert fault.node[fault.keyword] == fault.wanted
