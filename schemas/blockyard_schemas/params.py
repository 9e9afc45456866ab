"""Params: their declarations checked, and the values of one run completed, before anything is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from blockyard_schemas.nearest import did_you_mean
from blockyard_schemas.param_types import from_text
from blockyard_schemas.param_values import canonical, faults, schema_of
from blockyard_schemas.patterns import PatternError, compiled
from blockyard_schemas.plain import is_mapping
from blockyard_schemas.problems import InvalidDocumentError, Problem, pointer_of
from blockyard_schemas.reader import Source, from_data
from blockyard_schemas.wording import Said, listed

_MOST = 100
_ROOT = "params"


def check_params(source: Source) -> list[Problem]:
    """Return what is wrong with the declared params of a document that its schema found valid.

    Patterns must be RE2's, a choice has options, and defaults fit their own declarations.
    """
    declared = source.data.get(_ROOT) if is_mapping(source.data) else None
    problems: list[Problem] = []
    for name, each in declared.items() if is_mapping(declared) else ():
        for said in islice(_declaration(each, (_ROOT, name)), _MOST):
            pointer = pointer_of(said.path)
            line, column = source.locate(pointer) or (None, None)
            problems.append(Problem(said.rule, pointer, said.message, said.hint, line, column))
    return problems[:_MOST]


def resolve_params(declared: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of each declared param: the given one, or its default.

    A param without a default must be given, unless it says ``required: false``; then it is ``None``. Decimals, dates and times
    stay text. Raises InvalidDocumentError with every unknown, missing or unfit param.
    """
    given = from_data({_ROOT: dict(given)}).data[_ROOT]
    strange = islice((name for name in given if name not in declared), _MOST)
    problems = [_unknown(name, declared) for name in strange]
    values: dict[str, Any] = {}
    for name, each in declared.items():
        schema = schema_of(each)
        if name in given or "default" in schema:
            value = given.get(name, schema.get("default"))
            values[name] = _as_text(value) if schema["type"] == "decimal" else value
            if name in given:  # a default was found to fit with the document
                problems += _unfit(name, schema, values[name])
        elif schema.get("required") is False:
            values[name] = None
        else:
            problems.append(
                _problem(name, f"the param '{name}' is missing", f"give it: --param {name}=...")
            )
    if problems:
        raise InvalidDocumentError(problems[:_MOST])
    return values


def coerce_text(declared: Mapping[str, Any], name: str, text: str) -> Any:
    """Return the value that a text of the command line stands for, by the declared type of the param.

    Raises InvalidDocumentError when there is no such param, or the text is none of its type.
    """
    if name not in declared:
        raise InvalidDocumentError([_unknown(name, declared)])
    schema = schema_of(declared[name])
    for choice in schema.get("enum", ()):
        if choice == text or (not isinstance(choice, str) and canonical(choice) == text):
            return choice
    try:
        return from_text(schema["type"], text)
    except ValueError as error:
        raise InvalidDocumentError([_problem(name, f"the param '{name}': {error}", None)]) from None


def _declaration(declared: Any, path: tuple[str | int, ...]) -> Iterator[Said]:
    schema = schema_of(declared)
    yield from _patterns(schema, path)
    if schema["type"] == "choice" and "enum" not in schema:
        hint = "write {type: choice, options: [a, b]}"
        yield Said("param", path, f"the choice '{path[-1]}' has no options", hint)
    if "default" in schema:
        for said in faults(schema, schema["default"], (*path, "default")):
            yield Said("param", said.path, f"the default does not fit: {said.message}", said.hint)


def _patterns(schema: Any, path: tuple[str | int, ...]) -> Iterator[Said]:
    if not is_mapping(schema):
        return
    try:
        if isinstance(schema.get("pattern"), str):
            compiled(schema["pattern"])
    except PatternError as error:
        hint = "patterns are those of RE2: no look-around and no back-references"
        yield Said("param", (*path, "pattern"), f"the pattern is not valid: {error}", hint)
    for key in ("items", "additionalProperties"):
        yield from _patterns(schema.get(key), (*path, key))
    properties = schema.get("properties")
    for name, inner in properties.items() if is_mapping(properties) else ():
        yield from _patterns(inner, (*path, "properties", name))


def _unfit(name: str, schema: Mapping[str, Any], value: Any) -> list[Problem]:
    if value is None and schema.get("required") is False:
        return []
    found = islice(faults(schema, value, (_ROOT, name)), _MOST)
    return [Problem(it.rule, pointer_of(it.path), it.message, it.hint) for it in found]


def _as_text(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value


def _unknown(name: str, declared: Mapping[str, Any]) -> Problem:
    hint = did_you_mean(name, declared) or f"params of this workflow: {listed(declared) or 'none'}"
    return _problem(name, f"the workflow takes no param '{name[:60]}'", hint)


def _problem(name: str, message: str, hint: str | None) -> Problem:
    return Problem("param", pointer_of((_ROOT, name)), message, hint)
