"""From the errors of a schema to problems that say where, what, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from blockyard_schemas.checking import errors_of
from blockyard_schemas.nearest import did_you_mean
from blockyard_schemas.problems import Problem, pointer_of
from blockyard_schemas.showing import found, shown
from blockyard_schemas.unknown_keys import Unknown, unknown_keys
from blockyard_schemas.wording import label, listed, plural, types

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

    from blockyard_schemas.reader import Source

Path = tuple[str | int, ...]
Said = Iterator[Unknown]


def explain(source: Source, schema: Mapping[str, Any], most: int) -> list[Problem]:
    """Return at most ``most`` problems and, when there are more, one that says so; in the order of the text."""
    problems: dict[Problem, None] = {}
    for error in errors_of(source.data, schema):
        for said in _say(error, schema):
            problems.setdefault(_placed(said, source))
        if len(problems) > most:
            break
    ordered = sorted(problems, key=lambda it: (it.line or 0, it.column or 0, it.pointer))
    if len(ordered) <= most:
        return ordered
    more = Problem(
        "too-many-problems",
        "",
        f"only {most} problems are shown; there are more",
        "correct these first",
    )
    return [*ordered[:most], more]


def _placed(said: Unknown, source: Source) -> Problem:
    pointer = pointer_of(said.path)
    line, column = source.locate(pointer, key=said.key) or (None, None)
    return Problem(said.rule, pointer, said.message, said.hint, line, column)


def _say(error: ValidationError, schema: Mapping[str, Any]) -> Said:
    sayer = _SAYERS.get(str(error.validator))
    if "propertyNames" in error.absolute_schema_path:
        yield _bad_key(error)
    elif "x-same" in _node(error) or "x-both" in _node(error):
        yield _twice(error)
    elif error.validator in ("anyOf", "oneOf"):
        yield from _alternatives(error, schema)
    elif error.validator == "additionalProperties":
        yield from unknown_keys(error)
    elif error.validator == "required":
        yield from _missing(error, schema)
    elif sayer is not None:
        yield sayer(error)
    else:
        yield _say_simply(error)


def _node(error: ValidationError) -> Mapping[str, Any]:
    return error.schema if isinstance(error.schema, dict) else {}


def _path(error: ValidationError) -> Path:
    return tuple(error.absolute_path)


def _must(error: ValidationError, rule: str, expected: str, hint: str | None = None) -> Unknown:
    path = _path(error)
    return Unknown(
        rule, path, f"{label(path)} must be {expected}, not {found(error.instance)}", hint
    )


def _type(error: ValidationError) -> Unknown:
    expected = str(_node(error).get("x-expected", types(error.validator_value)))
    return _must(error, "type", expected, _type_hint(error))


def _type_hint(error: ValidationError) -> str | None:
    value, wanted = error.instance, error.validator_value
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    if value is None:
        return "give it a value, or take the key out"
    if "string" in names and isinstance(value, int | float):
        return f"put it in quotes: '{shown(value)}'"
    if isinstance(value, str) and {"integer", "number", "boolean"} & {*names}:
        return "take the quotes away, or use an expression ${{ ... }}"
    if isinstance(value, dict) and "array" in names:
        return "begin each item with a dash (-)"
    if isinstance(value, str) and "array" in names:
        return "write a list: [a, b]"
    return None


def _enum(error: ValidationError) -> Unknown:
    choices = error.validator_value if error.validator == "enum" else [error.validator_value]
    near = (
        did_you_mean(error.instance, map(str, choices)) if isinstance(error.instance, str) else None
    )
    many = "one of " if len(choices) > 1 else ""
    return _must(error, "choice", many + listed(choices), near)


def _range(error: ValidationError) -> Unknown:
    words = {
        "minimum": "at least",
        "maximum": "at most",
        "exclusiveMinimum": "more than",
        "exclusiveMaximum": "less than",
        "multipleOf": "a multiple of",
    }
    node = _node(error)
    hint = None
    if "minimum" in node and "maximum" in node:
        hint = f"write a number from {node['minimum']} to {node['maximum']}"
    said = f"{words[str(error.validator)]} {error.validator_value}"
    return _must(error, "range", said, hint)


def _length(error: ValidationError) -> Unknown:
    path, limit, value = _path(error), error.validator_value, error.instance
    name = str(error.validator)
    thing = {"L": "character", "I": "item", "P": "key"}[name[3]]
    side = "at least" if name.startswith("min") else "at most"
    message = f"{label(path)} must have {side} {plural(limit, thing)}, not {len(value)}"
    return Unknown("length", path, message, None)


def _form(error: ValidationError) -> Unknown:
    expected = _node(error).get("x-expected")
    if expected is None and error.parent is not None:
        expected = _node(error.parent).get("x-expected")
    said = expected or f"text of the form {error.validator_value}"
    return _must(error, "format", str(said))


def _bad_key(error: ValidationError) -> Unknown:
    key = str(error.instance)
    expected = _node(error).get("x-expected", "a name of 1 to 100 characters")
    message = f"the name {shown(key)} must be {expected}"
    return Unknown("format", (*_path(error), key), message, "choose another name", key=True)


def _twice(error: ValidationError) -> Unknown:
    node = _node(error)
    usual, other = node.get("x-same") or node["x-both"]
    if "x-same" in node:
        message = f"'{usual}' and '{other}' are two spellings of one key, and both are here"
        return Unknown("kinds", _path(error), message, f"keep '{usual}'", key=True)
    message = f"a workflow has either '{usual}' or '{other}', not both"
    hint = "move these stages into a job of their own under 'jobs'"
    return Unknown("kinds", _path(error), message, hint, key=True)


def _missing(error: ValidationError, schema: Mapping[str, Any]) -> Said:
    path, node = _path(error), _node(error)
    what = str(node.get("x-what", label(path)))
    for name in error.validator_value:
        if name in error.instance:
            continue
        near = [key for key in error.instance if key not in node.get("properties", {})]
        hint = did_you_mean(name, near)
        if hint is not None:
            hint = f"is {hint[len('did you mean ') : -1]} meant to be '{name}'?"
        yield Unknown(
            "missing-key", path, f"{what} needs the key '{name}'", hint or f"add '{name}:'"
        )


def _alternatives(error: ValidationError, schema: Mapping[str, Any]) -> Said:
    branches: dict[int, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(int(inner.relative_schema_path[0]), []).append(inner)
    fitting = [
        group
        for group in branches.values()
        if not any(it.validator == "type" and not it.relative_path for it in group)
    ]
    if fitting:
        for inner in min(fitting, key=len):
            yield from _say(inner, schema)
        return
    names: list[str] = []
    for group in branches.values():
        for inner in group:
            wanted = inner.validator_value if inner.validator == "type" else []
            names += [wanted] if isinstance(wanted, str) else wanted
    yield _must(error, "type", types(dict.fromkeys(names)))


def _say_simply(error: ValidationError) -> Unknown:
    path = _path(error)
    return Unknown("schema", path, f"{label(path)}: {error.message[:200]}", None)


_SAYERS: Mapping[str, Callable[[ValidationError], Unknown]] = MappingProxyType(
    {
        "type": _type,
        **dict.fromkeys(("enum", "const"), _enum),
        **dict.fromkeys(
            ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), _range
        ),
        **dict.fromkeys(
            ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
            _length,
        ),
        **dict.fromkeys(("pattern", "not"), _form),
    }
)
