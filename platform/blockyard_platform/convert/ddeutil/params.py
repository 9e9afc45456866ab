"""Declarations of params."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.plain import is_mapping
from blockyard_schemas.document_schema import PARAM_TYPES
from blockyard_schemas.param_types import is_number

if TYPE_CHECKING:
    from blockyard_platform.admission.walk import Pointer
    from blockyard_platform.convert.ddeutil.index import Index

_KEYS = frozenset(
    {"type", "desc", "description", "default", "required", "options", "enum", "title", "items"}
)


def params(data: Any, index: Index) -> Any:
    """Return the params that are declared."""
    if not is_mapping(data):
        return data
    found: dict[str, Any] = {}
    for name, declared in data.items():
        pointer = ("params", name)
        if index.params[name] != name:
            what = f"the param '{name}' is written '{index.params[name]}' here"
            index.findings.differs(pointer, what, "give it by that name")
        found[index.params[name]] = _param(declared, pointer, index)
    return found


def undeclared(index: Index) -> dict[str, Any]:
    """Return declarations of the params that are used and not declared, which is an error here."""
    for name in index.undeclared:
        index.findings.differs(
            ("params",),
            f"the param '{name}' is used and not declared; here it is declared, of any type",
            "say its type, and a default when there is one",
        )
    return dict.fromkeys(index.undeclared.values(), "any")


def _param(declared: Any, pointer: Pointer, index: Index) -> Any:
    if not is_mapping(declared):
        return _type(declared, pointer, index)
    found: dict[str, Any] = {}
    for key, item in declared.items():
        if key == "type":
            found[key] = _type(item, (*pointer, key), index)
        elif key in _KEYS:
            if item is not None:
                found[key] = item
        else:
            _lost_key(key, (*pointer, key), index)
    if found.get("type") == "decimal" and is_number(found.get("default")):
        found["default"] = str(found["default"])
    return found


def _type(name: Any, pointer: Pointer, index: Index) -> Any:
    if name is None:
        return "any"
    if name not in PARAM_TYPES:
        what = f"there is no type of params '{str(name)[:60]}'"
        index.findings.lost(pointer, what, f"types: {', '.join(PARAM_TYPES)}")
    return name


def _lost_key(key: str, pointer: Pointer, index: Index) -> None:
    advice = "take it out, or correct its spelling"
    if key == "precision":
        advice = "values stay as they are given; round one by math.round"
    index.findings.lost(pointer, f"'{key}' of a param has no equal", advice)
