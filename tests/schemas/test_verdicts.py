"""One schema, one verdict: three validators, and the short cuts that explain errors."""

import copy
import json
from typing import Any

import jsonschema
import jsonschema_rs
from hypothesis import given, settings
from hypothesis import strategies as st

from blockyard_schemas.blocks_interface import BlockInterface
from blockyard_schemas.checking import faults_of
from blockyard_schemas.compiler import compile_policy_schema, compile_schema
from blockyard_schemas.kinds import ALIASES, BASE_KEYS, ROWS
from blockyard_schemas.plain import is_list, is_mapping
from blockyard_schemas.policy import Policy
from blockyard_schemas.reader import read
from blockyard_schemas.validation import without_rules

KEYS = sorted({*BASE_KEYS, *ALIASES, *(k for row in ROWS for k in (*row.others, row.key) if k)})
WORDS = [
    *("text.join", "text/join@v1", "math.add", "table.sort", "secret.read", "no.such"),
    *("${{ x }}", "a ${{ x", "a b", "", "10m", "soon", "10m\n", "a\n", "3", "é"),
]
LEAF = (
    st.none() | st.booleans() | st.integers(-2, 2000) | st.floats(-2, 100) | st.sampled_from(WORDS)
)
NAMES = st.sampled_from(
    [*KEYS, "items", "separator", "a", "b", "rows", "order", "else", "match", "attempts", "on", "x"]
)
VALUE: st.SearchStrategy[Any] = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
KINDS: list[dict[str, Any]] = [
    {"uses": "text.join", "with": {"items": ["a"]}},
    {"uses": "math.add", "with": {"a": 1}},
    {"uses": "table.sort"},
    {"run": "x"},
    {"bash": "x"},
    {"parallel": {"a": []}},
    {"foreach": [1], "stages": []},
    {"until": True, "stages": []},
    {"case": 1, "match": [{"else": []}]},
    {"try": []},
    {"wait": 1},
    {},
]
BASE: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("id", "retry", "timeout"), VALUE)
)
STAGE = st.tuples(BASE, st.sampled_from(KINDS)).map(lambda both: both[0] | both[1])
DOCUMENT = st.fixed_dictionaries(
    {"name": st.just("t"), "stages": st.lists(STAGE | VALUE, max_size=12)},
    optional={"params": VALUE, "jobs": VALUE, "on": VALUE, "timeout": VALUE},
)


@st.composite
def edited(draw: st.DrawFn) -> Any:
    """Draw a document with something put into some place of it."""
    document: Any = copy.deepcopy(draw(DOCUMENT))
    place: Any = document
    for _ in range(draw(st.integers(0, 4))):
        parts: list[Any] = list(place.values()) if is_mapping(place) else place
        inner = [it for it in parts if it and (is_list(it) or is_mapping(it))]
        if not inner:
            break
        place = draw(st.sampled_from(inner))
    if is_mapping(place):
        place[draw(NAMES)] = draw(VALUE)
    return document


@settings(max_examples=400, deadline=None)
@given(document=edited())
def test_all_validators_give_the_same_verdict(schema: dict[str, Any], document: Any) -> None:
    plain: Any = jsonschema.Draft202012Validator(schema)
    verdict = plain.is_valid(document)
    assert jsonschema_rs.Draft202012Validator(schema).is_valid(document) == verdict
    faults = list(faults_of(document, schema))
    assert (not faults) == verdict
    expected = [(list(it.absolute_path), it.message) for it in plain.iter_errors(document)]
    assert [(list(it.path), it.message) for it in faults] == expected


@settings(max_examples=100, deadline=None)
@given(document=edited())
def test_the_blocks_that_a_document_uses_are_enough(
    policy: Policy, blocks: dict[str, BlockInterface], schema: dict[str, Any], document: Any
) -> None:
    used: list[str] = []
    find(document, used)
    few = compile_schema(policy, blocks, only=used)
    assert jsonschema_rs.Draft202012Validator(few).is_valid(
        document
    ) == jsonschema_rs.Draft202012Validator(schema).is_valid(document)


def find(value: Any, used: list[str]) -> None:
    """Collect what stands in ``uses``."""
    if is_mapping(value):
        if isinstance(value.get("uses"), str):
            used.append(value["uses"])
        for inner in value.values():
            find(inner, used)
    elif is_list(value):
        for inner in value:
            find(inner, used)


def test_the_schemas_are_standard_and_refer_to_nothing_outside(schema: dict[str, Any]) -> None:
    for each in (schema, compile_policy_schema(), without_rules(schema)):
        jsonschema.Draft202012Validator.check_schema(each)
        assert each["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        for reference in references(each):
            assert reference.removeprefix("#/$defs/") in each["$defs"]


def references(schema: Any) -> list[str]:
    """Return all references in a schema."""
    if is_mapping(schema):
        own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
        return own + [ref for value in schema.values() for ref in references(value)]
    return [ref for value in schema for ref in references(value)] if is_list(schema) else []


def test_only_looks_up_no_other_block(policy: Policy, blocks: dict[str, BlockInterface]) -> None:
    class Lazy(dict[str, BlockInterface]):
        def __getitem__(self, name: str) -> BlockInterface:
            assert name == "text.join"
            return super().__getitem__(name)

    only = ["text/join@v1", "text.join", "no.such", "not a name", ""]
    few = compile_schema(policy, Lazy(blocks), only=only)
    assert "block-text.join" in few["$defs"]
    assert "block-math.add" not in few["$defs"]


def test_a_block_that_the_policy_forbids_is_not_in_the_schema(
    policy: Policy, blocks: dict[str, BlockInterface]
) -> None:
    text = json.dumps(compile_schema(policy, blocks))
    assert "secret.read" not in text
    none = policy.model_copy(update={"blocks": {"text.*": 0}})
    assert "text.join" not in json.dumps(compile_schema(none, blocks))


def test_expressions_stand_for_values_at_every_depth(schema: dict[str, Any]) -> None:
    text = """\
name: t
stages:
  - {uses: text.join, with: {items: "${{ a }}", separator: "a long one ${{ b }}"}}
  - {uses: text.join, with: {items: [x, "${{ a }}"]}}
  - {uses: math.add, with: {a: "${{ a }}", b: "${{ b }}"}}
  - {uses: table.sort, with: {rows: ["${{ a }}", {x: "${{ b }}", y: 1}], order: "${{ c }}"}}
  - {uses: table.sort, with: "${{ all }}"}
"""
    validator: Any = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(read(text).data)


def test_every_mapping_of_ours_is_closed(schema: dict[str, Any]) -> None:
    def open_ones(node: Any, path: str) -> list[str]:
        if is_mapping(node):
            own = [path] if "properties" in node and "x-what" in node else []
            own = own if node.get("additionalProperties") is not False else []
            return own + [
                it for key, each in node.items() for it in open_ones(each, f"{path}/{key}")
            ]
        return [it for each in node for it in open_ones(each, path)] if is_list(node) else []

    assert open_ones(schema, "") == []
