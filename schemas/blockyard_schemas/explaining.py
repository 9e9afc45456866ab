"""From the errors of a schema to problems that say where, what, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from blockyard_schemas.checking import faults_of
from blockyard_schemas.faults import Fault
from blockyard_schemas.nearest import did_you_mean, nearest
from blockyard_schemas.problems import Problem, pointer_of
from blockyard_schemas.showing import found, shown
from blockyard_schemas.unknown_keys import unknown_keys
from blockyard_schemas.wording import Said, label, listed, plural, types

if TYPE_CHECKING:
    from blockyard_schemas.reader import Source


def explain(source: Source, schema: Mapping[str, Any], most: int) -> list[Problem]:
    """Return at most ``most`` problems and, when there are more, one that says so; in the order of the text."""
    problems: dict[Problem, None] = {}
    # One fault may say much: a mapping that has thousands of keys which it may not have.
    for said in chain.from_iterable(_say(each, schema) for each in faults_of(source.data, schema)):
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


def _placed(said: Said, source: Source) -> Problem:
    pointer = pointer_of(said.path)
    line, column = source.locate(pointer, key=said.key) or (None, None)
    return Problem(said.rule, pointer, said.message, said.hint, line, column)


def _say(fault: Fault, schema: Mapping[str, Any]) -> Iterator[Said]:
    sayer = _SAYERS.get(fault.keyword)
    if fault.of_key:
        yield _bad_key(fault)
    elif "x-same" in fault.node or "x-both" in fault.node:
        yield _twice(fault)
    elif fault.keyword in ("anyOf", "oneOf"):
        yield from _alternatives(fault, schema)
    elif fault.keyword == "additionalProperties":
        yield from unknown_keys(fault)
    elif fault.keyword == "required":
        yield from _missing(fault, schema)
    elif sayer is not None:
        yield sayer(fault)
    else:
        yield _say_simply(fault)


def _must(fault: Fault, rule: str, expected: str, hint: str | None = None) -> Said:
    path = fault.path
    return Said(rule, path, f"{label(path)} must be {expected}, not {found(fault.found)}", hint)


def _type(fault: Fault) -> Said:
    expected = str(fault.node.get("x-expected", types(fault.wanted)))
    hint = fault.node.get("x-hint")
    return _must(fault, "type", expected, _type_hint(fault) if hint is None else str(hint))


def _type_hint(fault: Fault) -> str | None:
    value, wanted = fault.found, fault.wanted
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


def _enum(fault: Fault) -> Said:
    choices = fault.wanted if fault.keyword == "enum" else [fault.wanted]
    near = did_you_mean(fault.found, map(str, choices)) if isinstance(fault.found, str) else None
    many = "one of " if len(choices) > 1 else ""
    return _must(fault, "choice", many + listed(choices), near)


def _range(fault: Fault) -> Said:
    words = {
        "minimum": "at least",
        "maximum": "at most",
        "exclusiveMinimum": "more than",
        "exclusiveMaximum": "less than",
        "multipleOf": "a multiple of",
    }
    node = fault.node
    hint = None
    if "minimum" in node and "maximum" in node:
        hint = f"write a number from {node['minimum']} to {node['maximum']}"
    said = f"{words[fault.keyword]} {fault.wanted}"
    return _must(fault, "range", said, hint)


def _length(fault: Fault) -> Said:
    path, limit, value = fault.path, fault.wanted, fault.found
    name = fault.keyword
    thing = {"L": "character", "I": "item", "P": "key"}[name[3]]
    side = "at least" if name.startswith("min") else "at most"
    message = f"{label(path)} must have {side} {plural(limit, thing)}, not {len(value)}"
    return Said("length", path, message, None)


def _form(fault: Fault) -> Said:
    expected = fault.node.get("x-expected")
    if expected is None and fault.outer is not None:
        expected = (fault.outer or {}).get("x-expected")
    said = expected or f"text of the form {fault.wanted}"
    hint = None
    if fault.path and fault.path[-1] == "id" and isinstance(fault.found, str):
        better = re.sub(r"[^A-Za-z0-9_-]+", "-", fault.found[:60]).strip("-")
        hint = f"write '{better}'" if better[:1].isalpha() else f"write 's{better}'"
    return _must(fault, "format", str(said), hint)


def _bad_key(fault: Fault) -> Said:
    key = str(fault.found)
    expected = fault.node.get("x-expected", "a name of 1 to 100 characters")
    message = f"the name {shown(key)} must be {expected}"
    return Said("format", (*fault.path, key), message, "choose another name", key=True)


def _twice(fault: Fault) -> Said:
    node = fault.node
    usual, other = node.get("x-same") or node["x-both"]
    if "x-same" in node:
        message = f"'{usual}' and '{other}' are two spellings of one key, and both are here"
        return Said("kinds", fault.path, message, f"keep '{usual}'", key=True)
    message = f"a workflow has either '{usual}' or '{other}', not both"
    hint = "move these stages into a job of their own under 'jobs'"
    return Said("kinds", fault.path, message, hint, key=True)


def _missing(fault: Fault, schema: Mapping[str, Any]) -> Iterator[Said]:
    node, present = fault.node, fault.found
    what = str(node.get("x-what", label(fault.path)))
    for name in fault.wanted:
        if name in present:
            continue
        if "x-needs" in node:
            yield Said("missing-key", fault.path, *_missing_with(node))
            continue
        near = nearest(name, [key for key in present if key not in node.get("properties", {})])
        hint = f"is '{near}' meant to be '{name}'?" if near else f"add '{name}:'"
        yield Said("missing-key", fault.path, f"{what} needs the key '{name}'", hint)


def _missing_with(node: Mapping[str, Any]) -> tuple[str, str]:
    block, names = node["x-needs"]
    entries = ", ".join(f"{name}: ..." for name in names)
    return f"the block '{block}' needs {listed(names)}", f"add `with: {{{entries}}}`"


def _alternatives(fault: Fault, schema: Mapping[str, Any]) -> Iterator[Said]:
    branches: dict[int, list[Fault]] = {}
    for number, inner in fault.inside:
        branches.setdefault(number, []).append(inner)
    fitting = [group for group in branches.values() if not any(map(_is_other_type, group))]
    if fitting:
        for inner in min(fitting, key=len):
            yield from _say(inner, schema)
        return
    names: list[str] = []
    for _, inner in fault.inside:
        if inner.keyword == "type":
            names += [inner.wanted] if isinstance(inner.wanted, str) else inner.wanted
    yield _must(fault, "type", types(dict.fromkeys(names)) or "of another form")


def _is_other_type(fault: Fault) -> bool:
    return fault.keyword == "type" and not fault.relative


def _say_simply(fault: Fault) -> Said:
    path = fault.path
    return Said("schema", path, f"{label(path)}: {fault.message[:200]}", None)


_SAYERS: Mapping[str, Callable[[Fault], Said]] = MappingProxyType(
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
