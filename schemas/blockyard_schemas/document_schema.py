"""The schema of a document around its stages: top-level keys, params and jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blockyard_schemas.kinds import MAX_PARALLEL
from blockyard_schemas.nodes import Schema, closed, one_of_types, ref, templated, whole
from blockyard_schemas.statuses import Code, Status
from blockyard_schemas.trigger_schema import concurrency, triggers

if TYPE_CHECKING:
    from blockyard_schemas.policy import Policy

_TEXT: Schema = {"type": "string"}
_OUTPUTS: Schema = {"type": "object", "x-hint": "name each output: {total: ...}"}
TRIGGER_RULES = (
    "all_success",
    "all_failed",
    "all_done",
    "one_success",
    "one_failed",
    "none_failed",
    "none_skipped",
)
PARAM_TYPES = (
    *("string", "integer", "number", "boolean", "array", "object"),
    *("str", "int", "float", "decimal", "bool", "date", "datetime", "choice"),
    *("list", "map", "dict", "any"),
)
"""Types of a param: those of JSON Schema, and short names."""
_STATUSES = [it.value for it in Status]
_CODES = [it.name for it in Code]
MAX_TESTS = 200
"""Tests that a document may have."""
FORMATS = ("date", "date-time", "time", "email", "uuid")


def document(policy: Policy) -> Schema:
    """Return the schema of the whole document, without definitions."""
    schema = closed(
        "a workflow",
        {
            "name": {"type": "string", "minLength": 1, "maxLength": 200},
            "type": {"const": "Workflow"},
            "desc": _TEXT,
            "params": ref("params"),
            "on": triggers(),
            "concurrency": concurrency(),
            "timeout": ref("duration"),
            "max-parallel": whole(1, MAX_PARALLEL),
            "stages": {
                **ref("stages"),
                "allOf": [{"maxItems": policy.steps, "x-rule": "STEP_LIMIT_EXCEED"}],
            },
            "jobs": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": ref("id"),
                "additionalProperties": ref("job"),
            },
            "outputs": _OUTPUTS,
            "tests": {"type": "array", "maxItems": MAX_TESTS, "items": ref("test")},
        },
        ("name",),
    )
    return schema | {
        "if": {"required": ["jobs"]},
        "then": {"properties": {"stages": {"not": {}, "x-both": ["stages", "jobs"]}}},
        "else": {"required": ["stages"], "x-what": "a workflow"},
    }


def document_definitions() -> dict[str, Schema]:
    """Return the definitions ``job``, ``params``, ``param`` and ``test``."""
    return {
        "job": _job(),
        "test": _test(),
        "params": {
            "type": "object",
            "x-hint": "name each param and its type: {month: string}",
            "propertyNames": ref("id"),
            "additionalProperties": ref("param"),
        },
        "param": one_of_types(string={"enum": list(PARAM_TYPES)}, object=_param()),
    }


def _job() -> Schema:
    values = {"type": "array", "items": {"type": ["string", "number", "boolean", "null"]}}
    rows = templated({"type": "array", "items": {"type": "object"}})
    strategy = {
        "matrix": templated({"type": "object", "additionalProperties": templated(values)}),
        "include": rows,
        "exclude": rows,
        "max-parallel": whole(1, MAX_PARALLEL),
        "fail-fast": ref("flag"),
    }
    runs_on = closed("runs-on", {"type": _TEXT, "with": {"type": "object"}}, ("type",))
    properties = {
        "name": _TEXT,
        "desc": _TEXT,
        "needs": one_of_types(
            string=ref("id"), array={"type": ["array", "string"], "items": ref("id")}
        ),
        "if": {"type": ["boolean", "string"], "x-expected": "an expression, true or false"},
        "strategy": closed("a strategy", strategy),
        "trigger-rule": {"enum": list(TRIGGER_RULES)},
        "retry": ref("retry"),
        "timeout": templated(ref("duration")),
        "runs-on": one_of_types(string={}, object=runs_on),
        "extras": {"type": "object"},
        "stages": ref("stages"),
        "outputs": _OUTPUTS,
    }
    return closed("a job", properties, ("stages",))


def _test() -> Schema:
    mock = closed(
        "a mock",
        {"outputs": {"type": "object"}, "error": {"enum": _CODES}, "message": _TEXT},
    )
    stage = closed(
        "an expected stage",
        {"status": {"enum": _STATUSES}, "code": {"enum": _CODES}, "outputs": {"type": "object"}},
    )
    expect = {
        "status": {"enum": _STATUSES},
        "outputs": {"type": "object"},
        "stages": {"type": "object", "additionalProperties": stage},
        "problem": _TEXT,
    }
    return closed(
        "a test",
        {
            "name": {"type": "string", "minLength": 1, "maxLength": 200},
            "params": {"type": "object"},
            "mocks": {"type": "object", "additionalProperties": mock},
            "expect": closed("what is expected", expect),
        },
        ("name", "expect"),
    )


def _param() -> Schema:
    number = {"type": "number"}
    size = {"type": "integer", "minimum": 0}
    schema = closed(
        "a param",
        {
            "type": {"enum": list(PARAM_TYPES)},
            "title": _TEXT,
            "desc": _TEXT,
            "description": _TEXT,
            "default": {},
            "examples": {"type": "array"},
            "enum": {"type": "array", "minItems": 1, "maxItems": 1_000},
            "options": {"type": "array", "minItems": 1, "maxItems": 1_000},
            "const": {},
            **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), number),
            **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), size),
            "pattern": {"type": "string", "maxLength": 1_000},
            "format": {"enum": list(FORMATS)},
            "items": ref("param"),
            "uniqueItems": {"type": "boolean"},
            "properties": {"type": "object", "additionalProperties": ref("param")},
            "required": one_of_types(
                boolean={}, array={"type": ["array", "boolean"], "items": _TEXT}
            ),
            "additionalProperties": one_of_types(boolean={}, object=ref("param")),
        },
    )
    return schema | {"type": ["object", "string"]}
