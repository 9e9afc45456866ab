"""The body of a webhook as plain data: JSON, a form, or text."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qsl

from blockyard_schemas.limits import ReadLimits
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.reader import read

Kind: TypeAlias = Literal["json", "form", "text"]

MOST_BYTES = 1 << 20
"""Bytes of a body, unless a hook takes fewer."""

_MOST_FIELDS = 1_000
_LONGEST_TYPE = 200
_KINDS: tuple[tuple[str, Kind], ...] = (
    ("application/json", "json"),
    ("application/x-www-form-urlencoded", "form"),
    ("text/plain", "text"),
)
_CHARSETS = ("utf-8", "utf8", "us-ascii")


def kind_of(content_type: str) -> Kind | None:
    """Return what a Content-Type (RFC 9110) is read as; ``None`` for every other type, and for other encodings than UTF-8."""
    if len(content_type) > _LONGEST_TYPE:
        return None
    name, *parameters = (part.strip().lower() for part in content_type.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "charset" and value.strip().strip('"') not in _CHARSETS:
            return None
    if name.startswith("application/") and name.endswith("+json"):
        return "json"
    return dict(_KINDS).get(name)


def read_body(kind: Kind, body: bytes) -> Any:
    """Return a body as plain data; raise ValueError for one that is not of its kind.

    JSON is any value, within the bounds of documents and without repeated keys; a form is a mapping of texts, with a list where
    a name stands several times; text is one text.
    """
    if kind == "json":
        try:
            return read(body, limits=ReadLimits(bytes=max(1, len(body))), syntax="json").data
        except InvalidDocumentError:
            raise ValueError("the body is not JSON") from None
    text = body.decode("utf-8")
    if "\x00" in text:
        raise ValueError("the body holds a NUL character")
    return text if kind == "text" else _form(text)


def _form(text: str) -> dict[str, str | list[str]]:
    pairs = parse_qsl(
        text, keep_blank_values=True, strict_parsing=bool(text), errors="strict",
        max_num_fields=_MOST_FIELDS,
    )  # fmt: skip
    found: dict[str, str | list[str]] = {}
    for key, value in pairs:
        if "\x00" in key or "\x00" in value:
            raise ValueError("the form holds a NUL character")
        before = found.get(key)
        if before is None:
            found[key] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            found[key] = [before, value]
    return found
