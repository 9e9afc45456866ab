"""Admission: every problem at once, each with its place, and nothing of a document evaluated."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockyard_blocks.catalog import Catalog
from blockyard_platform import Admission, validate
from blockyard_platform.plain import is_mapping
from blockyard_schemas.policy import Policy, load_policy, personal_policy


def found(text: str, policy: Policy | None = None, catalog: Catalog | None = None) -> list[Any]:
    """Return (rule, line, message) of each problem of a document."""
    outcome = validate(text, policy=policy, catalog=catalog)
    return [(it.rule, it.line, it.message) for it in outcome.problems]


def rules(text: str, policy: Policy | None = None) -> list[tuple[str, int | None]]:
    """Return (rule, line) of each problem of a document."""
    return [(rule, line) for rule, line, _ in found(text, policy)]


def personal(**changes: Any) -> Policy:
    """Return the personal policy with changes."""
    return personal_policy().model_copy(update=changes)


def test_a_valid_document_gives_a_plan_and_no_problem() -> None:
    outcome = validate("name: t\nstages: [{id: a, echo: hi}]\n")
    assert outcome.valid
    assert outcome.problems == ()
    assert outcome.plan is not None
    assert [stage.id for stage in outcome.plan.jobs[0].stages] == ["a"]
    assert not outcome.plan.needs_guest


def test_a_job_of_any_name_with_nothing_but_stages_is_one_job() -> None:
    outcome = validate("name: t\njobs:\n  fetch:\n    stages: [{echo: hi}]\n")
    assert outcome.plan is not None
    assert [job.name for job in outcome.plan.jobs] == ["fetch"]


def test_problems_of_schema_policy_blocks_and_expressions_come_together() -> None:
    text = """\
name: t
stages:
  - id: a
    ecko: hi
  - id: a
    uses: text.jion
  - {id: c, uses: math.add, with: {}}
  - {id: d, echo: "${{ parms.x }}"}
  - {id: e, run: "result = 1"}
"""
    policy = load_policy("name: t\ntags: [text]\nstages: [empty, call]\n")
    got = rules(text, policy)
    assert ("BLOCK_NOT_FOUND", 6) in got
    assert ("FORBIDDEN_BLOCK", 7) in got
    assert ("DUPLICATE_STEP_IDS", 3) in got
    assert ("DUPLICATE_STEP_IDS", 5) in got
    assert ("unknown-name", 8) in got
    assert ("FORBIDDEN_STAGE", 9) in got
    assert 4 in [line for _, line in got]


def test_a_block_that_does_not_exist_is_told_with_the_nearest() -> None:
    outcome = validate("name: t\nstages: [{uses: text.jion}]\n")
    problem = next(it for it in outcome.problems if it.rule == "BLOCK_NOT_FOUND")
    assert problem.message == "there is no block 'text.jion' (BLOCK_NOT_FOUND 102)"
    assert problem.hint == "did you mean 'text.join'?"
    assert problem.pointer == "/stages/0/uses"


def test_a_forbidden_block_names_the_missing_tags() -> None:
    text = "name: t\nstages:\n  - uses: text.upper\n    with: {text: a}\n"
    policy = load_policy("name: t\nstages: [call]\ntags: []\n")
    (problem,) = [it for it in found(text, policy) if it[0] == "FORBIDDEN_BLOCK"]
    assert problem[1] == 3
    assert "lacks the tag text (FORBIDDEN_BLOCK 105)" in problem[2]


def test_a_block_limit_of_the_policy_counts_declared_uses() -> None:
    text = "name: t\nstages:\n" + "  - {uses: text.upper, with: {text: a}}\n" * 3
    policy = personal(blocks={"text.*": 2})
    assert rules(text, policy) == [("BLOCK_LIMIT_EXCEED", 5)]
    assert "is used 3 times, and 2 are allowed" in found(text, policy)[0][2]
    assert rules(text, personal(blocks={"math.*": 0, "text.upper": None, "text.*": 1})) == []


def test_the_declared_stages_are_counted_at_every_depth() -> None:
    text = """\
name: t
stages:
  - foreach: [1]
    stages:
      - parallel: {a: [{}, {}], b: [{}]}
      - case: x
        match: [{case: x, stages: [{}]}, {else: [{}]}]
      - try: [{}]
        catch: [{}]
        finally: [{}]
      - until: true
        stages: [{}]
"""
    assert rules(text, personal(steps=14)) == []
    (problem,) = found(text, personal(steps=13))
    assert problem[0] == "STEP_LIMIT_EXCEED"
    assert "declares 14 stages at all depths, and the policy allows 13" in problem[2]


def test_nesting_loops_items_and_code_are_bounded() -> None:
    deep = "name: t\nstages:\n  - foreach: [1]\n    stages:\n      - foreach: [1]\n        stages:\n          - {}\n"
    assert rules(deep, personal(depth=2)) == [("policy-limit", 7)]
    assert rules(deep, personal(depth=3)) == []
    items = "name: t\nstages:\n  - foreach: [1, 2, 3]\n    stages: []\n"
    assert rules(items, personal(foreach_items=2)) == [("policy-limit", 3)]
    loops = "name: t\nstages:\n  - until: true\n    stages: []\n    max-loop: 9\n"
    assert rules(loops, personal(loop_iterations=8)) == [("policy-limit", 5)]
    code = "name: t\nstages:\n  - run: |\n      x = '" + "é" * 600 + "'\n"
    assert rules(code, personal(code_kib=1)) == [("policy-limit", 3)]


def test_a_document_that_is_too_long_is_a_problem() -> None:
    text = "name: t\nstages: []\ndesc: '" + "x" * 2048 + "'\n"
    outcome = validate(text, policy=personal(document_kib=1))
    assert not outcome.valid
    assert len(outcome.problems) == 1


@pytest.mark.parametrize(
    "text",
    [
        "name: t\njobs: {a: {stages: [], runs-on: docker}}\n",
        "name: t\njobs: {a: {stages: [], extras: {x: 1}}}\n",
        "name: t\nstages: [{extras: {a: 1}}]\n",
    ],
)
def test_what_is_not_built_yet_is_refused_as_unsupported(text: str) -> None:
    assert "unsupported" in [rule for rule, _ in rules(text)]


@pytest.mark.parametrize(
    ("stages", "rule", "message", "hint"),
    [
        ("[{echo: '${{ params.mont }}'}]", "unknown-name", "declares no param 'mont'", "'month'"),
        ("[{echo: '${{ params.a-month }}'}]", "unknown-name", "declares no param", "spaces around"),
        ("[{echo: '${{ item }}'}]", "unknown-name", "'item' has no value here", "names that are"),
        (
            "[{echo: '${{ matrix.x }}'}]",
            "unknown-name",
            "'matrix' has no value here",
            "jobs, params",
        ),
        ("[{echo: '${{ stages.b.status }}'}, {id: b}]", "unknown-stage", "comes later", "above"),
        ("[{id: a, echo: '${{ stages.a.status }}'}]", "unknown-stage", "comes later", "above"),
        (
            "[{id: read}, {echo: '${{ stages.raed.status }}'}]",
            "unknown-stage",
            "no stage 'raed'",
            "'read'",
        ),
        (
            "[{id: a}, {echo: '${{ stages.a.output }}'}]",
            "unknown-name",
            "has no 'output'",
            "'outputs'",
        ),
        ("[{id: a}, {echo: '${{ stages.a.n }}'}]", "unknown-name", "has no 'n'", "'outputs.n'"),
        (
            "[{id: r-a}, {echo: '${{ stages.r-a.code + 1 }}'}]",
            "expression",
            "a subtraction",
            "['r-a']",
        ),
        ("[{echo: '${{ params.month'}]", "expression", "is not closed", "close it"),
        ("[{echo: '${{ }}'}]", "expression", "is empty", "write a name"),
        ("[{echo: '${{ params.month | uper }}'}]", "unknown-filter", "no filter 'uper'", "'upper'"),
        (
            "[{if: \"${{ params.month }} == 'a'\"}]",
            "expression",
            "is not one expression",
            "between",
        ),
        ("[{if: \"params.month == 'a'\"}]", "expression", "is not one expression", "between"),
        ("[{run: 'x = ${{ params.month }}'}]", "expression", "code is never a template", "vars"),
        ("[{foreach: [1], stages: [{echo: '${{ branch }}'}]}]", "unknown-name", "'branch'", "item"),
        (
            "[{try: [{}], finally: [{echo: '${{ error.name }}'}]}]",
            "unknown-name",
            "'error'",
            "params",
        ),
    ],
)
def test_expressions_are_checked_by_their_text(
    stages: str, rule: str, message: str, hint: str
) -> None:
    outcome = validate(f"name: t\nparams: {{month: string}}\nstages: {stages}\n")
    assert [it.rule for it in outcome.problems] == [rule]
    (problem,) = outcome.problems
    assert message in problem.message
    assert hint in (problem.hint or "")
    assert problem.line == 3


@pytest.mark.parametrize(
    "stages",
    [
        "[{id: a}, {foreach: [1], stages: [{echo: '${{ stages.a.status }} ${{ item }} ${{ loop }}'}]}]",
        "[{until: '${{ stages.b.status }}', stages: [{id: b}]}]",
        "[{try: [{id: a}], catch: [{echo: '${{ error.name }} ${{ stages.a.code }}'}]}]",
        "[{try: [{id: a}], catch: [{id: c}], finally: [{echo: '${{ stages.c.code }}'}]}]",
        "[{case: 1, match: [{case: '${{ case }}', stages: [{echo: '${{ case }}'}]}]}]",
        "[{parallel: {a: [{echo: '${{ branch }}'}]}}]",
        "[{}, {echo: '${{ stages.1.status }}'}]",
        "[{id: r-a}, {echo: \"${{ stages['r-a'].code + 1 }}\"}]",
        "[{echo: '${{ run.id }} ${{ retry }} ${{ jobs.main? }}'}]",
        "[{echo: '$${{ nothing.of.this }}'}]",
        "[{if: '${{ len(params.month) > 3 }}'}]",
    ],
)
def test_what_can_be_referred_to(stages: str) -> None:
    assert found(f"name: t\nparams: {{month: string}}\nstages: {stages}\n") == []


def test_what_is_written_out_in_values_must_be_readable() -> None:
    text = "name: t\nstages:\n  - timeout: soon\n  - {retry: {attempts: 2, on: [SOMETIMES]}}\n"
    assert [line for _, line in rules(text)] == [3, 4]
    assert len(rules("name: t\nstages: [{retry: 30}]\n")) == 1


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ("{a: {type: string, pattern: '('}}", "is not valid"),
        ("{a: {type: integer, default: x}}", "the default does not fit"),
        ("{a: nosuchtype}", "must be one of"),
        ("{a: {$ref: 'http://example.com/x'}}", "$ref"),
    ],
)
def test_params_are_checked(params: str, message: str) -> None:
    got = found(f"name: t\nparams: {params}\nstages: []\n")
    assert got
    assert any(message in it[2] for it in got)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2000) | st.sampled_from(
        ["", "a", "${{ x }}", "${{ params.a }}", "${{", "text.upper", "10m", "_", "main"]
    ),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["name", "params", "stages", "jobs", "main", "outputs", "on", "timeout", "id", "if", "retry",
             "uses", "with", "run", "vars", "foreach", "until", "case", "match", "else", "parallel", "try",
             "catch", "finally", "raise", "echo", "sleep", "item", "max-loop", "concurrent", "always", "bash"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=30,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(JUNK)
def test_any_data_is_admitted_or_refused_with_problems(data: Any) -> None:
    outcome = validate(data if is_mapping(data) else {"name": "t", "stages": data})
    assert isinstance(outcome, Admission)
    assert outcome.valid == (outcome.problems == ())
