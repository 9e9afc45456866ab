"""Policies: what they hold, their maxima, and what a wrong one is told."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from blockyard_schemas.compiler import compile_policy_schema
from blockyard_schemas.kinds import BUILT, Kind
from blockyard_schemas.policy import Policy, load_policy, personal_policy
from blockyard_schemas.problems import InvalidDocumentError


def test_an_empty_policy_allows_the_empty_stage_alone() -> None:
    policy = load_policy("{}")
    assert policy == Policy()
    assert policy.stages == {Kind.EMPTY}
    assert policy.isolation == "full"
    assert not policy.allows_tags({"text"})
    assert policy.allows_tags(set())


def test_the_personal_policy_allows_what_works() -> None:
    policy = personal_policy()
    assert policy.stages == BUILT
    assert policy.allows_tags({"text", "table"})
    assert not policy.allows_tags({"text", "secret"})
    assert (policy.steps, policy.executed_steps) == (10_000, 100_000)
    assert (policy.stage.cpu_seconds, policy.stage.wall_seconds) == (10.0, 30.0)
    assert (policy.stage.memory_mib, policy.stage.output_kib) == (256, 1024)
    assert (policy.run.cpu_seconds, policy.run.wall_seconds) == (300.0, 600.0)
    assert policy.isolation == "full"


def test_tags_must_all_be_there_and_a_star_is_every_tag() -> None:
    assert load_policy("tags: [a, b]").allows_tags({"a", "b"})
    assert not load_policy("tags: [a]").allows_tags({"a", "b"})
    assert load_policy("tags: '*'").allows_tags({"anything"})


def test_the_first_pattern_that_fits_is_the_limit() -> None:
    policy = load_policy("blocks: {text.join: null, 'text.*': 3, '*.?p': 1}")
    assert policy.block_limit("text.join", 9) is None
    assert policy.block_limit("text.upper", None) == 3
    assert policy.block_limit("math.up", 9) == 1
    assert policy.block_limit("math.add", 9) == 9


def test_a_policy_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        personal_policy().steps = 3


@pytest.mark.parametrize(
    ("text", "rule", "pointer", "place", "message", "hint"),
    [
        ("step: 3", "unknown-key", "/step", (1, 1), "a policy has no key 'step'", "mean 'steps'?"),
        ("steps: 0", "range", "/steps", (1, 8), "at least 1, not 0", "1 to 100000"),
        ("steps: 100001", "range", "/steps", (1, 8), "at most 100000", "1 to"),
        ("steps: true", "type", "/steps", (1, 8), "a whole number, not true", ""),
        ("steps: '3'", "type", "/steps", (1, 8), "not text '3'", "quotes"),
        ("stages: [bsh]", "choice", "/stages/0", (1, 10), "one of empty, call", "mean 'bash'?"),
        ("tags: text", "choice", "/tags", (1, 7), "must be *, not text 'text'", ""),
        ("tags: [1]", "type", "/tags/0", (1, 8), "must be text", "'1'"),
        ("isolation: none", "choice", "/isolation", (1, 12), "one of full, reduced", ""),
        ("stage: {memory_mib: 1}", "range", "/stage/memory_mib", (1, 21), "at least 32", "32 to"),
        ("stage: {cpu_seconds: 0}", "range", "/stage/cpu_seconds", (1, 22), "more than 0", ""),
        ("run: {wall: 3}", "unknown-key", "/run/wall", (1, 7), "no key 'wall'", "wall_seconds"),
        ("blocks: {'a b': 1}", "unknown-key", "/blocks/a b", (1, 10), "no key 'a b'", ""),
        ("blocks: {'a.*': -1}", "range", "/blocks/a.*", (1, 17), "at least 0", ""),
        ("blocks: [a]", "type", "/blocks", (1, 9), "must be a mapping", ""),
        ("[]", "type", "", (1, 1), "must be a mapping", ""),
        ("a: 1\na: 2", "duplicate-key", "/a", (2, 1), "stands twice", "rename"),
    ],
)
def test_a_wrong_policy_is_told_where_and_what_to_do(
    text: str, rule: str, pointer: str, place: tuple[int, int], message: str, hint: str
) -> None:
    with pytest.raises(InvalidDocumentError) as caught:
        load_policy(text)
    (problem,) = caught.value.problems
    assert (problem.rule, problem.pointer) == (rule, pointer)
    assert (problem.line, problem.column) == place
    assert message in problem.message
    assert hint in (problem.hint or "")


NUMBERS = st.integers(-2, 200_000) | st.floats(-2, 1e6) | st.booleans() | st.none() | st.just("3")
POLICIES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["a", "", "a b", "é", 3]),
        "tags": st.sampled_from(["*", "x", [], ["a"], ["a", "a"], ["a b"], [3], None]),
        "stages": st.sampled_from([[], ["bash"], ["x"], "bash", [None]]),
        "blocks": st.dictionaries(st.sampled_from(["a.*", "a b", "*"]), NUMBERS, max_size=2),
        "steps": NUMBERS,
        "stage": st.dictionaries(
            st.sampled_from(["cpu_seconds", "memory_mib", "x"]), NUMBERS, max_size=2
        ),
        "isolation": st.sampled_from(["full", "reduced", "none"]),
        "more": st.just(1),
    },
)


@settings(max_examples=300, deadline=None)
@given(POLICIES)
def test_the_published_schema_and_the_model_agree(data: dict[str, Any]) -> None:
    validator: Any = jsonschema.Draft202012Validator(compile_policy_schema())
    valid = validator.is_valid(data)
    try:
        load_policy(json.dumps(data))
    except InvalidDocumentError:
        assert not valid
    else:
        assert valid


def test_the_personal_policy_is_one_that_a_file_could_hold() -> None:
    """It is built without validation."""
    personal = personal_policy()
    assert load_policy(personal.model_dump_json()) == personal
    assert set(personal.stages) == set(BUILT)
    assert (personal.name, personal.isolation, personal.stage.processes) == ("personal", "full", 32)
    assert personal.allows_tags(["text", "table"])
    assert not personal.allows_tags(["http"])


def test_parts_that_are_left_out_are_what_their_own_defaults_say() -> None:
    """They are built without validation, too."""
    for name, field in Policy.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            assert default == type(default).model_validate({}), name
