"""Every error of a document under its schema: jsonschema's validator, with short cuts that change no verdict.

Three places would be slow in a large document: a chain of ``if`` over all kinds, an ``allOf`` with a case for each block, and
a long list of stages few of which are wrong. Each has a keyword here that goes straight to what matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import jsonschema_rs
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

from blockyard_schemas.faults import Fault, deep_faults
from blockyard_schemas.plain import is_list, is_mapping

Errors: TypeAlias = Iterator[ValidationError]
_extend: Callable[..., Any] = vars(validators)["extend"]
_FEW = 8
"""Items of a list that are all looked at without asking the fast validator first."""
_STAGE = {"$ref": "#/$defs/stage"}
_EXPRESSION = {"$ref": "#/$defs/expression"}


def faults_of(data: Any, schema: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield the errors of data under a schema."""
    short = _ShortCuts(schema)
    made: Callable[..., Any] = _extend(
        Draft202012Validator,
        {"allOf": short.all_of, "if": short.condition, "items": short.items},
    )
    try:
        for error in made(schema).iter_errors(data):
            yield _fault(error)
    except RecursionError:  # jsonschema needs many frames for each level of a document
        yield from deep_faults(data, schema)


def _fault(error: Any) -> Fault:
    branches = error.context if error.validator in ("anyOf", "oneOf") else ()
    return Fault(
        keyword=str(error.validator),
        wanted=error.validator_value,
        node=error.schema if is_mapping(error.schema) else {},
        found=error.instance,
        path=tuple(error.absolute_path),
        message=str(error.message),
        relative=bool(error.relative_path),
        of_key="propertyNames" in error.absolute_schema_path,
        outer=error.parent.schema if error.parent is not None else None,
        inside=tuple((int(it.relative_schema_path[0]), _fault(it)) for it in branches),
    )


class _ShortCuts:
    """The keywords, and what they remember of one schema."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        definitions = schema.get("$defs", {})
        self._definitions = definitions
        self._stage: jsonschema_rs.Draft202012Validator | None = None
        self._cases: dict[int, _Cases] = {}
        pattern = definitions.get("expression", {}).get("pattern")
        self._expressions = pattern == "\\$\\{\\{"

    def all_of(self, validator: Any, branches: list[Any], instance: Any, schema: Any) -> Errors:
        if id(branches) not in self._cases:
            self._cases[id(branches)] = _Cases(branches)
        for index in self._cases[id(branches)].that_concern(instance):
            yield from validator.descend(instance, branches[index], schema_path=index)

    def condition(self, validator: Any, test: Any, instance: Any, schema: Any) -> Errors:
        branch = "then" if self._holds(validator, test, instance) else "else"
        if branch in schema:
            yield from validator.descend(instance, schema[branch], schema_path=branch)

    def _holds(self, validator: Any, test: Any, instance: Any) -> bool:
        if is_mapping(test) and len(test) == 1:
            ((keyword, value),) = test.items()
            if keyword == "required":
                return not is_mapping(instance) or all(key in instance for key in value)
            if keyword == "type" and isinstance(value, str):
                return bool(validator.is_type(instance, value))
            if test == _EXPRESSION and self._expressions:
                return isinstance(instance, str) and "${{" in instance
        return bool(validator.evolve(schema=test).is_valid(instance))

    def items(self, validator: Any, items: Any, instance: Any, schema: Any) -> Errors:
        if not validator.is_type(instance, "array"):
            return
        first = len(schema.get("prefixItems", ()))
        quick = len(instance) > _FEW and items == _STAGE
        for index in range(first, len(instance)):
            if not (quick and self._is_stage(instance[index])):
                yield from validator.descend(instance[index], items, path=index)

    def _is_stage(self, value: Any) -> bool:
        if self._stage is None:
            self._stage = jsonschema_rs.Draft202012Validator({**_STAGE, "$defs": self._definitions})
        return self._stage.is_valid(value)


class _Cases:
    """The branches of one ``allOf``, by the blocks that they are for."""

    def __init__(self, branches: list[Any]) -> None:
        self._count = len(branches)
        self._always: list[int] = []
        self._named: dict[str, list[int]] = {}
        for index, branch in enumerate(branches):
            names = _names(branch)
            if names is None:
                self._always.append(index)
            for name in names or ():
                self._named.setdefault(name, []).append(index)

    def that_concern(self, instance: Any) -> list[int]:
        """Return the indexes of the branches of which an error can come, in their order."""
        if not is_mapping(instance):
            return list(range(self._count))
        name = instance.get("uses")
        named = self._named.get(name, []) if isinstance(name, str) else []
        return sorted({*self._always, *named}) if named else self._always


def _names(branch: Any) -> list[str] | None:
    """Return the values of ``uses`` that a branch is for, or ``None`` when it may be for any."""
    if not is_mapping(branch) or set(branch) != {"if", "then"}:
        return None
    test = branch["if"]
    if not is_mapping(test) or set(test) != {"properties", "required"}:
        return None
    uses = test["properties"].get("uses")
    if set(test["properties"]) != {"uses"} or "uses" not in test["required"]:
        return None
    if not is_mapping(uses) or len(uses) != 1:
        return None
    names = uses.get("enum", [uses["const"]] if "const" in uses else None)
    return names if is_list(names) and all(isinstance(it, str) for it in names) else None
