"""From annotations to validators and JSON Schemas.

The plain types (text, numbers, lists, dicts, literals, unions) are told to pydantic-core directly: it starts in a
fraction of the time that pydantic takes, which counts in a process that serves one short run. All other annotations
(models, TypedDict, Annotated constraints, dates) go through pydantic.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import types
import uuid
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from pydantic_core import CoreConfig, SchemaValidator, core_schema

from blockyard_blocks.plain import is_dict, is_list

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core.core_schema import CoreSchema

    from blockyard_blocks.signature import Parameter

_CONFIG = CoreConfig(strict=True, allow_inf_nan=False)
_FROM_TEXT = (
    *(datetime.date, datetime.time, datetime.timedelta),
    *(decimal.Decimal, uuid.UUID, enum.Enum),
)
"""Types that JSON does not have: plain data stands for them, so strictness would refuse every value."""


def validator_of(parameters: tuple[Parameter, ...], hints: Mapping[str, Any]) -> SchemaValidator:
    """Return what checks a dict of arguments: strict (no text for a number), closed, no infinite numbers."""
    return SchemaValidator(arguments_schema(parameters, hints))


def arguments_schema(parameters: tuple[Parameter, ...], hints: Mapping[str, Any]) -> CoreSchema:
    """Return the schema of the dict of arguments."""
    fields = {
        item.name: core_schema.typed_dict_field(
            value_schema(hints[item.name]), required=item.required
        )
        for item in parameters
    }
    return core_schema.typed_dict_schema(fields, extra_behavior="forbid", config=_CONFIG)


def value_schema(annotation: Any) -> CoreSchema:
    """Return the schema of a value of an annotation."""
    plain = _plain_schema(annotation)
    if plain is not None:
        return plain
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    if origin is Literal:
        return core_schema.literal_schema(list(arguments))
    if origin in (Union, types.UnionType):
        return _union_schema(annotation, arguments)
    if origin is list:
        return core_schema.list_schema(value_schema(arguments[0]))
    if origin is dict and _is_key(arguments[0]):
        return core_schema.dict_schema(value_schema(arguments[0]), value_schema(arguments[1]))
    return _pydantic_schema(annotation)


def is_plain(annotation: Any) -> bool:
    """Whether an annotation is told to pydantic-core directly."""
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    if origin is Literal:
        return True
    if origin in (Union, types.UnionType, list):
        return all(is_plain(argument) for argument in arguments)
    if origin is dict:
        return _is_key(arguments[0]) and is_plain(arguments[1])
    return _plain_schema(annotation) is not None


def _is_key(annotation: Any) -> bool:
    return annotation is str or get_origin(annotation) is Literal


def _plain_schema(annotation: Any) -> CoreSchema | None:
    if annotation is Any:
        return core_schema.any_schema()
    if annotation is str:
        return core_schema.str_schema()
    if annotation is int:
        return core_schema.int_schema()
    if annotation is float:
        return core_schema.float_schema(allow_inf_nan=False)
    if annotation is bool:
        return core_schema.bool_schema()
    if annotation is None or annotation is types.NoneType:
        return core_schema.none_schema()
    if annotation is list:
        return core_schema.list_schema()
    if annotation is dict:
        return core_schema.dict_schema(core_schema.str_schema())
    return None


def _union_schema(annotation: Any, members: tuple[Any, ...]) -> CoreSchema:
    others = [member for member in members if member is not types.NoneType]
    if len(others) == 1:
        inner = value_schema(others[0])
    else:
        inner = core_schema.union_schema(
            [value_schema(member) for member in others],
            custom_error_type="union",
            custom_error_message=describe(annotation),
        )
    return core_schema.nullable_schema(inner) if len(others) < len(members) else inner


def _pydantic_schema(annotation: Any) -> CoreSchema:
    from pydantic import TypeAdapter

    schema: Any = TypeAdapter(annotation).core_schema
    if isinstance(annotation, type) and issubclass(annotation, _FROM_TEXT):
        schema = {**schema, "strict": False}
    return schema  # type: ignore[no-any-return]


_WORDS: dict[Any, str] = {
    Any: "anything",
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    types.NoneType: "null",
    list: "a list",
    dict: "a dict",
}


def describe(annotation: Any) -> str:
    """Return an annotation in words: ``list[str]`` is ``a list of text``."""
    if annotation in _WORDS:
        return _WORDS[annotation]
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    if origin is Literal:
        return "one of " + ", ".join(repr(value) for value in arguments)
    if origin in (Union, types.UnionType):
        members = [member for member in arguments if not (member is int and float in arguments)]
        return " or ".join(describe(member) for member in members)
    if origin is list:
        inner = describe(arguments[0])
        return "a list" if inner == "anything" else f"a list of {inner}"
    if origin is dict:
        inner = describe(arguments[1])
        return "a dict" if inner == "anything" else f"a dict of {inner}"
    return getattr(annotation, "__name__", str(annotation))


def json_schema_of(
    schema: CoreSchema, mode: Literal["validation", "serialization"]
) -> dict[str, Any]:
    """Return the JSON Schema (Draft 2020-12) of a core schema, without titles and references."""
    from pydantic.json_schema import GenerateJsonSchema

    class Untitled(GenerateJsonSchema):
        def field_title_should_be_set(self, schema: Any) -> bool:
            return False

    found = Untitled().generate(schema, mode)
    definitions: dict[str, Any] = found.pop("$defs", {})
    resolved: dict[str, Any] = _inlined(found, definitions, ())
    return resolved


def _inlined(node: Any, definitions: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    if is_list(node):
        return [_inlined(item, definitions, path) for item in node]
    if not is_dict(node):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str):
        name = reference.removeprefix("#/$defs/")
        if name in path:
            raise ValueError(f"the type {name} holds itself; take Any for its inner part")
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return {**_inlined(definitions[name], definitions, (*path, name)), **rest}
    return {key: _inlined(value, definitions, path) for key, value in node.items()}
