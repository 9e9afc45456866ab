"""What each block's parameters add to the schema of a stage: expressions are allowed wherever a value is."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from blockyard_schemas.blocks_interface import BlockInterface
from blockyard_schemas.kinds import spellings
from blockyard_schemas.nodes import Schema, ref, templated
from blockyard_schemas.plain import is_mapping

SECRET = "secret-reference"  # noqa: S105  (the name of a definition)
"""The definition of what stands for a secret in the parameters of a host block."""

_KEPT = frozenset(
    {
        *("type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        *("multipleOf", "minLength", "maxLength", "pattern", "format", "minItems", "maxItems"),
        *("minProperties", "maxProperties", "required", "default", "description", "examples"),
        *("deprecated", "additionalProperties"),
    }
)
"""Keywords that are taken over as they are. Others (uniqueItems, not, contains, ...) would judge a text with an expression
in place of its value; the block itself checks its arguments by its whole schema."""


def block_case(block: BlockInterface) -> Schema:
    """Return the entry for ``allOf``: when ``uses`` names this block, ``with`` fits its parameters."""
    arguments = templated(ref(_name(block)))
    then: Schema = {"properties": dict.fromkeys(spellings("with"), arguments)}
    required = block.parameters.get("required")
    if required:
        needs = {"required": ["with"], "x-needs": [block.name, list(required)]}
        then |= {"if": {"required": ["args"]}, "else": needs}
    named = {"properties": {"uses": {"enum": list(block.spellings)}}, "required": ["uses"]}
    return {"if": named, "then": then}


def block_definitions(block: BlockInterface) -> dict[str, Schema]:
    """Return the definition of a block's parameters, and those that it refers to."""
    rewriting = _Rewriting(_name(block), secrets=block.runs == "host")
    parameters = rewriting.of({**block.parameters, "type": "object"})
    parameters["x-what"] = f"the block '{block.name}'"
    definitions = {_name(block): parameters}
    for name, schema in block.parameters.get("$defs", {}).items():
        definitions[rewriting.named(name)] = rewriting.of(schema)
    return definitions


def secret_definition(patterns: Collection[str]) -> Schema:
    """Return what stands for a secret, of the names that a policy's patterns allow."""
    anything = "[A-Za-z0-9_-]"
    texts = [it.replace("?", anything).replace("*", f"{anything}*") for it in patterns]
    # In ECMA's patterns, which JSON Schema has, a $ is the very end.
    allowed: Schema = {"pattern": f"^(?:{'|'.join(texts)})$"} if texts else {"not": {}}
    name = {"type": "string", "allOf": [{**allowed, "x-rule": "FORBIDDEN_SECRET"}]}
    return {"type": "object", "properties": {"secret": name}}


def _name(block: BlockInterface) -> str:
    return f"block-{block.name}"


class _Rewriting:
    """Rewrites one block's schemas; ``prefix`` keeps the names of its definitions apart from those of others.

    With ``secrets`` a reference to one is taken wherever a value is.
    """

    def __init__(self, prefix: str, *, secrets: bool) -> None:
        self._prefix = prefix
        self._secrets = secrets

    def named(self, name: str) -> str:
        return f"{self._prefix}-{name}"

    def of(self, schema: Any) -> Schema:
        """Return the schema itself, rewritten inside."""
        if not is_mapping(schema):
            return {} if schema else {"not": {}}
        new: Schema = {key: value for key, value in schema.items() if key in _KEPT}
        if "$ref" in schema:
            new["$ref"] = ref(self.named(schema["$ref"].rpartition("/")[2]))["$ref"]
        for key in ("properties", "patternProperties"):
            if key in schema:
                new[key] = {name: self.or_expression(each) for name, each in schema[key].items()}
        for key in ("items", "additionalProperties"):
            if is_mapping(schema.get(key)):
                new[key] = self.or_expression(schema[key])
        for key in ("anyOf", "allOf", "prefixItems"):
            if key in schema:
                new[key] = [self.or_expression(each) for each in schema[key]]
        if "oneOf" in schema:
            new.setdefault("anyOf", [self.or_expression(each) for each in schema["oneOf"]])
        return new

    def or_expression(self, schema: Any) -> Schema:
        """Return a schema that also takes a text with an expression, and for a host block a reference to a secret."""
        new = self._with_expression(schema)
        if not self._secrets:
            return new
        notes = {key: new.pop(key) for key in ("description", "default") if key in new}
        if not set(new) - {"examples", "deprecated"}:
            return new | notes
        reference = {"type": "object", "required": ["secret"], "maxProperties": 1}
        return {"if": reference, "then": ref(SECRET), "else": new} | notes

    def _with_expression(self, schema: Any) -> Schema:
        new = self.of(schema)
        if set(new) <= {"default", "description", "examples", "deprecated"}:
            return new
        if new.get("type") == "string" and set(new) <= {"type", "default", "description"}:
            return new
        notes = {key: new.pop(key) for key in ("description", "default") if key in new}
        return templated(new) | notes
