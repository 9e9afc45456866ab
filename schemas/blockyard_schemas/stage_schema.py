"""The schema of stages: one closed mapping a kind, chosen by the kind's key, so that an error is at the key that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blockyard_schemas import kinds
from blockyard_schemas.forms import approval_schema, form_definitions
from blockyard_schemas.kinds import ALIASES, ROWS, Kind, KindRow
from blockyard_schemas.nodes import Schema, closed, one_of_types, ref, templated, whole

if TYPE_CHECKING:
    from blockyard_schemas.policy import Policy

_TEXT: Schema = {"type": "string"}
_NEVER: Schema = {"not": {}}


def stage_definitions(policy: Policy, uses: Schema, cases: list[Schema]) -> dict[str, Schema]:
    """Return the definitions ``stage``, ``stages``, one a kind, and those of forms.

    ``uses`` is the schema of a block's name, ``cases`` hold what each block says of ``with``.
    """
    own = _own(policy, uses)
    definitions = {_name(row.kind): _kind(row, own) for row in ROWS}
    if cases:
        definitions[_name(Kind.CALL)]["allOf"] = cases
    definitions |= form_definitions()
    definitions["stages"] = {"type": "array", "items": ref("stage")}
    definitions["stage"] = _choice(policy)
    return definitions


def _name(kind: Kind) -> str:
    return f"stage-{kind.value}"


def _choice(policy: Policy) -> Schema:
    *told, default = ROWS
    chain = _allowed(default.kind, policy)
    for row in reversed(told):
        chain = {
            "if": {"required": [row.key]},
            "then": _allowed(row.kind, policy),
            "else": chain,
        }
    return chain


def _allowed(kind: Kind, policy: Policy) -> Schema:
    schema = ref(_name(kind))
    if kind in policy.stages:
        return schema
    return {"allOf": [schema, {**_NEVER, "x-rule": "FORBIDDEN_STAGE"}]}


def _kind(row: KindRow, own: dict[str, Schema]) -> Schema:
    keys = kinds.allowed_keys(row.kind)
    properties = {name: own[key] for key in keys for name in kinds.spellings(key)}
    required = row.required if row.key is None else (row.key, *row.required)
    what = "a stage" if row.key is None else f"a stage with '{row.key}'"
    schema = closed(what, properties, required)
    schema["x-kind"] = row.kind.value
    schema["dependentSchemas"] = {
        other: {"properties": {usual: {**_NEVER, "x-same": [usual, other]}}}
        for other, usual in ALIASES.items()
        if other in properties
    }
    return schema


def _own(policy: Policy, uses: Schema) -> dict[str, Schema]:
    """Return the schema of each key, whatever the kind: a key means the same in every kind that has it."""
    return {
        **_base(),
        **_plain_kinds(policy, uses),
        **_containers(policy),
        **_nesting_kinds(policy),
    }


def _base() -> dict[str, Schema]:
    return {
        "id": ref("id"),
        "name": _TEXT,
        "desc": _TEXT,
        "if": {"type": ["boolean", "string"], "x-expected": "an expression, true or false"},
        "retry": ref("retry"),
        "timeout": templated(ref("duration")),
        "continue-on-error": ref("flag"),
        "always": ref("flag"),
        "extras": {"type": "object"},
    }


def _plain_kinds(policy: Policy, uses: Schema) -> dict[str, Schema]:
    scalar = {"type": ["string", "number", "boolean"]}
    words = {"type": "array", "items": _TEXT}
    code = {
        "type": "string",
        "allOf": [{"maxLength": policy.code_kib * 1024, "x-rule": "policy-limit"}],
    }
    return {
        "echo": {"type": ["string", "number", "boolean", "null"]},
        "sleep": templated(
            one_of_types(
                string=ref("duration"),
                number={
                    "type": ["number", "string"],
                    "minimum": 0,
                    "maximum": kinds.MAX_SLEEP,
                    "x-expected": f"0 to {kinds.MAX_SLEEP} seconds",
                },
            )
        ),
        "uses": uses,
        "with": ref("values"),
        "run": code,
        "vars": ref("values"),
        "deps": {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": 100},
        "hosts": templated({"type": "array", "items": _TEXT, "maxItems": 100}),
        "python": {"type": "string", "x-expected": "a version in quotes, such as '3.12'"},
        "bash": code,
        "env": templated({"type": "object", "additionalProperties": scalar}),
        "tag": _TEXT,
        "command": one_of_types(string={}, array={**words, "type": ["array", "string"]}),
        "workdir": _TEXT,
        "pull": one_of_types(boolean={}, string={"enum": ["always", "missing", "never"]}),
        "trigger": {"type": "string", "minLength": 1},
        "params": ref("values"),
        "wait": _wait(),
        "raise": _TEXT,
    }


def _containers(policy: Policy) -> dict[str, Schema]:
    """Return the keys in which a document names what the policy has for containers."""
    volumes = {"propertyNames": {"enum": [it.name for it in policy.volumes]}}
    forbidden: list[Schema] = [{**_NEVER, "x-rule": "FORBIDDEN_IMAGE"}]
    image: Schema = {"type": "string", "minLength": 1}
    return {
        "image": image if policy.images else {**image, "allOf": forbidden},
        "volume": templated(
            {
                "type": "object",
                "additionalProperties": _TEXT,
                "allOf": [{**volumes, "x-rule": "FORBIDDEN_VOLUME"}],
            }
        ),
        "auth": one_of_types(
            string=_named([it.name for it in policy.credentials], "FORBIDDEN_IMAGE"),
            object={"type": ["object", "string"], "additionalProperties": _TEXT},
        ),
        "network": _named(["none", *(it.name for it in policy.networks)], "FORBIDDEN_HOST"),
    }


def _named(names: list[str], rule: str) -> Schema:
    return templated({**_TEXT, "allOf": [{"enum": names, "x-rule": rule}]})


def _nesting_kinds(policy: Policy) -> dict[str, Schema]:
    stages = ref("stages")
    loops = [{"maximum": policy.loop_iterations, "x-rule": "policy-limit"}]
    items = [{"maxItems": policy.foreach_items, "x-rule": "policy-limit"}]
    match = {
        "if": {"required": ["else"]},
        "then": closed("the default of a case", {"else": stages}, ("else",)),
        "else": closed(
            "an entry of a case",
            {"case": {"type": ["string", "number", "boolean", "null"]}, "stages": stages},
            ("case", "stages"),
        ),
    }
    return {
        "stages": stages,
        "parallel": {
            "type": "object",
            "x-hint": "name each branch: {left: [...], right: [...]}",
            "propertyNames": {"minLength": 1, "maxLength": 100},
            "additionalProperties": stages,
        },
        "max-workers": whole(1, kinds.MAX_WORKERS),
        "foreach": templated(
            {
                "type": ["array", "object"],
                "x-expected": "a list, a mapping or an expression ${{ ... }}",
                "allOf": items,
            }
        ),
        "concurrent": whole(1, kinds.MAX_CONCURRENT),
        "use-index-as-key": ref("flag"),
        "fail-fast": ref("flag"),
        "until": {"type": ["string", "boolean"], "x-expected": "an expression, true or false"},
        "item": {},
        "max-loop": {**whole(1, kinds.MAX_LOOP), "allOf": loops},
        "case": {"type": ["string", "number", "boolean", "null"]},
        "match": {"type": "array", "minItems": 1, "items": match},
        "skip-not-match": ref("flag"),
        "try": stages,
        "catch": stages,
        "finally": stages,
    }


def _wait() -> Schema:
    approval = closed("a wait for an approval", {"approval": approval_schema()})
    moment = {"for": templated(ref("duration")), "until": _TEXT, "approval": {}}
    chosen = {"if": {"required": ["approval"]}, "then": approval, "else": closed("wait", moment)}
    return templated(one_of_types(object=chosen, number=ref("duration")))
