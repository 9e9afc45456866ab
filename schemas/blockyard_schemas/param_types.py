"""The types of params: which values they take, and what a text of the command line stands for."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from blockyard_schemas.plain import is_list, is_mapping
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.showing import shown

_DECIMAL = re.compile(r"[-+]?[0-9]{1,100}(?:\.[0-9]{1,100})?")
_DATETIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:")
_EMAIL = re.compile(r"[^@\s]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

SAME: Mapping[str, str] = MappingProxyType(
    {
        "str": "string",
        "int": "integer",
        "float": "number",
        "bool": "boolean",
        "list": "array",
        "map": "object",
        "dict": "object",
    }
)
"""Short names of JSON Schema's types."""

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "string": "text",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "array": "a list",
        "object": "a mapping",
        "decimal": "a decimal number, such as '12.50'",
        "date": "a date, such as 2026-01-31",
        "datetime": "a date and time, such as 2026-01-31T06:00:00+01:00",
    }
)


def is_number(value: Any) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return is_number(value) and (isinstance(value, int) or float(value).is_integer())


def is_date(value: Any) -> bool:
    """Whether a text is a date, ``YYYY-MM-DD``."""
    if not isinstance(value, str) or len(value) != 10:
        return False
    try:
        return dt.date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def is_datetime(value: Any) -> bool:
    """Whether a text is a date and time of ISO 8601, with or without an offset."""
    if not isinstance(value, str) or len(value) > 40 or not _DATETIME.match(value):
        return False
    try:
        dt.datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_time(value: Any) -> bool:
    try:
        return (
            isinstance(value, str) and len(value) >= 5 and bool(dt.time.fromisoformat(value) or 1)
        )
    except ValueError:
        return False


TYPES: Mapping[str, Callable[[Any], bool]] = MappingProxyType(
    {
        "string": lambda value: isinstance(value, str),
        "integer": _is_whole,
        "number": is_number,
        "boolean": lambda value: isinstance(value, bool),
        "array": is_list,
        "object": is_mapping,
        "decimal": lambda value: isinstance(value, str) and bool(_DECIMAL.fullmatch(value)),
        "date": is_date,
        "datetime": is_datetime,
    }
)

FORMATS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "date": is_date,
        "date-time": lambda text: is_datetime(text) and bool(_has_offset(text)),
        "time": _is_time,
        "email": lambda text: bool(_EMAIL.fullmatch(text)),
        "uuid": lambda text: bool(_UUID.fullmatch(text)),
    }
)


def _has_offset(text: str) -> bool:
    return dt.datetime.fromisoformat(text).tzinfo is not None


def from_text(kind: str, text: str) -> Any:
    """Return the value that a text stands for; raise ValueError with the reason."""
    if kind == "boolean":
        return _flag(text)
    if kind == "integer":
        return int(_numeral(text, r"[-+]?[0-9]{1,300}", "a whole number"))
    if kind == "number":
        return _number(text)
    if kind in ("array", "object"):
        return _data(text, kind)
    return text


def _flag(text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.strip().lower() not in words:
        raise ValueError(f"{shown(text)} is neither true nor false")
    return words[text.strip().lower()]


def _numeral(text: str, form: str, what: str) -> str:
    if not re.fullmatch(form, text.strip(), re.ASCII):
        raise ValueError(f"{shown(text)} is not {what}")
    return text.strip()


def _number(text: str) -> int | float:
    if re.fullmatch(r"[-+]?[0-9]{1,300}", text.strip(), re.ASCII):
        return int(text)
    form = r"[-+]?(?:[0-9]{1,300}(?:\.[0-9]{0,300})?|\.[0-9]{1,300})(?:[eE][-+]?[0-9]{1,4})?"
    value = float(_numeral(text, form, "a number"))
    if not math.isfinite(value):
        raise ValueError(f"{shown(text)} is out of range")
    return value


def _data(text: str, kind: str) -> Any:
    from blockyard_schemas.reader import read

    try:
        return read(text).data
    except InvalidDocumentError as error:
        raise ValueError(f"{shown(text)} is not {WORDS[kind]} in YAML or JSON: {error}") from None
