"""Checking the arguments that a tenant gives a block, with errors that say where, what, and what instead."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from pydantic_core import ValidationError

from blockyard_blocks.errors import ArgumentsError, Fault
from blockyard_blocks.schemas import describe, is_plain, validator_of
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from blockyard_blocks.signature import Parameter

_SHOWN = 5
"""So many faults are told; the rest is counted."""

_EXPECTED = {
    "string_type": "text",
    "string_unicode": "text of whole characters",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a dict",
    "none_required": "null",
}


def checker_of(
    name: str, parameters: tuple[Parameter, ...], hints: Mapping[str, Any]
) -> Callable[[Any], dict[str, Any]]:
    """Return a function that takes a dict of arguments and returns it checked; it raises ArgumentsError."""
    validate = validator_of(parameters, hints).validate_python
    types = {item.name: hints[item.name] for item in parameters}

    def check(arguments: Any) -> dict[str, Any]:
        try:
            checked: dict[str, Any] = validate(arguments)
        except ValidationError as error:
            raise _explained(name, types, error) from None
        return checked

    return check


def needs_pydantic(parameters: tuple[Parameter, ...], hints: Mapping[str, Any]) -> bool:
    """Whether a checker of these parameters has to import pydantic."""
    return not all(is_plain(hints[item.name]) for item in parameters)


def _explained(name: str, types: Mapping[str, Any], error: ValidationError) -> ArgumentsError:
    found: list[Any] = list(error.errors(include_url=False))
    kinds = {item["type"] for item in found}
    code = Code.INVALID_ARGUMENT if kinds <= {"missing", "extra_forbidden"} else Code.INVALID_TYPE
    faults = [_fault(item, types) for item in found[:_SHOWN]]
    if len(found) > _SHOWN:
        faults.append(Fault("...", "no more faults", f"{len(found) - _SHOWN} more"))
    return ArgumentsError(name, tuple(faults), code)


def _fault(found: Any, types: Mapping[str, Any]) -> Fault:
    location: tuple[str | int, ...] = found["loc"]
    kind: str = found["type"]
    if kind == "missing" and len(location) == 1:
        name = str(location[0])
        return Fault(
            _place(location), describe(types[name]), "nothing: this parameter must be given"
        )
    if kind == "extra_forbidden" and len(location) == 1:
        return _unknown(str(location[0]), types)
    expected = _EXPECTED.get(kind) or found["msg"] if location else "a dict of arguments"
    if kind == "literal_error":
        expected = "one of " + str(found["ctx"]["expected"])
    return Fault(_place(location), expected, shown(found["input"]))


def _unknown(name: str, types: Mapping[str, Any]) -> Fault:
    near = difflib.get_close_matches(name, types, n=1)
    known = ", ".join(types) or "none"
    expected = f"'{near[0]}' perhaps" if near else f"one of the parameters ({known})"
    return Fault(name[:80], expected, "a parameter that does not exist")


def _place(location: tuple[str | int, ...]) -> str:
    """Return a path as a person writes it: ``rows[2].name``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "with"


def shown(value: Any) -> str:
    """Return a value in a few words: its type and, when short, itself."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and value.bit_length() > 128:
        return "a very large number"  # writing it out would take long, or be refused
    if isinstance(value, int | float):
        return f"the number {str(value)[:40]}"
    if isinstance(value, str):
        return f"the text {value[:40]!r}{' ...' * (len(value) > 40)}"
    name: str = value.__class__.__name__
    if name in ("list", "tuple", "dict"):
        return f"a {name} of {len(value)}"
    return f"a {name}"
