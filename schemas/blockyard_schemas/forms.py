"""Forms of approvals: an object of simple values, a closed part of JSON Schema, checked in time linear in the value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_schemas.nodes import Schema, closed, ref, templated
from blockyard_schemas.param_types import FORMATS
from blockyard_schemas.param_values import faults
from blockyard_schemas.patterns import PatternError, compiled
from blockyard_schemas.plain import is_list, is_mapping
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.reader import from_data
from blockyard_schemas.wording import Said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Path = tuple[str | int, ...]

TYPES = ("string", "integer", "number", "boolean")
"""What a field may hold."""
ON_TIMEOUT = ("fail", "refuse", "approve")
"""What it may mean that nobody answers; the first unless told."""
MAX_FIELDS = 20
MAX_TEXT = 4_000
"""Characters of a message, and of a text in an answer."""

_RULE = "form"
_NOT_HERE = "a form is no template: ${{ }} in it would not be replaced"


def approval_schema() -> Schema:
    """Return the schema of ``approval`` in a stage that waits for one."""
    text: Schema = {"type": "string", "maxLength": MAX_TEXT}
    names: Schema = {"type": "array", "maxItems": 20, "items": {"type": "string", "maxLength": 100}}
    properties = {
        "message": text,
        "form": ref("form"),
        "from": templated(names),
        "timeout": templated(ref("duration")),
        "on-timeout": {"enum": list(ON_TIMEOUT)},
    }
    return closed("an approval", properties, ("message",))


def form_definitions() -> dict[str, Schema]:
    """Return the definitions ``form`` and ``field``."""
    text: Schema = {"type": "string", "maxLength": 1_000}
    form = {
        "type": {"const": "object"},
        "title": text,
        "description": text,
        "properties": {
            "type": "object",
            "x-hint": "name each field and its type: {reason: {type: string}}",
            "maxProperties": MAX_FIELDS,
            "propertyNames": ref("id"),
            "additionalProperties": ref("field"),
        },
        "required": {"type": "array", "maxItems": MAX_FIELDS, "items": ref("id")},
    }
    scalar = {"type": ["string", "number", "boolean"]}
    number, size = {"type": "number"}, {"type": "integer", "minimum": 0, "maximum": MAX_TEXT}
    field = {
        "type": {"enum": list(TYPES)},
        "title": text,
        "description": text,
        "default": scalar,
        "enum": {"type": "array", "minItems": 1, "maxItems": 100, "items": scalar},
        **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), number),
        **dict.fromkeys(("minLength", "maxLength"), size),
        "pattern": {"type": "string", "maxLength": 1_000},
        "format": {"enum": list(FORMATS)},
    }
    return {
        "form": closed("a form", form, ("properties",)),
        "field": closed("a field of a form", field, ("type",)),
    }


def check_form(form: Any, path: Path) -> Iterator[Said]:
    """Yield what is wrong with a form that its schema found valid: patterns, choices and defaults, unknown required fields."""
    properties = form.get("properties") if is_mapping(form) else None
    if not is_mapping(form) or not is_mapping(properties):
        return
    for key in ("title", "description"):
        yield from _no_template(form.get(key), (*path, key))
    required = form.get("required")
    for index, name in enumerate(required if is_list(required) else ()):
        if name not in properties:
            known = ", ".join(properties) or "none"
            message = f"the form has no field '{str(name)[:60]}' that could be required"
            yield Said(_RULE, (*path, "required", index), message, f"fields: {known}")
    for name, field in properties.items():
        if is_mapping(field):
            yield from _check_field(field, (*path, "properties", name))


def misfit(form: Mapping[str, Any], values: Any, *, refused: bool = False) -> str | None:
    """Return what is wrong with the values of an answer, in words; ``None`` when they fit. Who refuses need not fill the form in."""
    try:
        data = from_data(values).data
    except InvalidDocumentError as error:
        return str(error)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: _bounded(it) for name, it in form.get("properties", {}).items()},
        "required": [] if refused else form.get("required", []),
        "additionalProperties": False,
    }
    found = next(faults(schema, data, ("answer",)), None)
    return None if found is None else found.message


def completed(form: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of values that fit, with the defaults of the fields that were left out."""
    fields: Mapping[str, Any] = form.get("properties", {})
    defaults = {name: it["default"] for name, it in fields.items() if "default" in it}
    copy: dict[str, Any] = from_data(dict(values)).data
    return defaults | copy


def _check_field(field: dict[str, Any], path: Path) -> Iterator[Said]:
    for key in ("title", "description", "default", "pattern"):
        yield from _no_template(field.get(key), (*path, key))
    try:
        if isinstance(field.get("pattern"), str):
            compiled(field["pattern"])
    except PatternError as error:
        hint = "patterns are those of RE2: no look-around and no back-references"
        yield Said(_RULE, (*path, "pattern"), f"the pattern is not valid: {error}", hint)
        return
    choices = field.get("enum")
    kind = {"type": field.get("type")}
    for index, choice in enumerate(choices if is_list(choices) else ()):
        yield from _no_template(choice, (*path, "enum", index))
        for said in faults(kind, choice, (*path, "enum", index)):
            yield Said(_RULE, said.path, f"the choice does not fit: {said.message}", said.hint)
    if "default" in field:
        for said in faults(field, field["default"], (*path, "default")):
            yield Said(_RULE, said.path, f"the default does not fit: {said.message}", said.hint)


def _no_template(text: Any, path: Path) -> Iterator[Said]:
    if isinstance(text, str) and "${{" in text:
        yield Said(_RULE, path, _NOT_HERE, "write it in the message")


def _bounded(field: Mapping[str, Any]) -> dict[str, Any]:
    return {"maxLength": MAX_TEXT, **field} if field.get("type") == "string" else dict(field)
