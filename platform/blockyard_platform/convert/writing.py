"""Our documents as YAML that is pleasant to read and is read again as the same data."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import yaml
from yaml.emitter import Emitter

from blockyard_platform.plain import is_list, is_mapping
from blockyard_schemas.scalars import NumberError, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

_DIGITS = 300
_WIDTH = 100_000
_MERGE = "<<"


def to_yaml(document: Any) -> str:
    """Return plain data as YAML 1.2: keys in their order, several lines as a block, no quotes without need."""
    events = [
        yaml.StreamStartEvent(),
        yaml.DocumentStartEvent(),
        *_events(document),
        yaml.DocumentEndEvent(),
        yaml.StreamEndEvent(),
    ]
    stream = io.StringIO()
    emitter = Emitter(stream, width=_WIDTH, allow_unicode=True)
    for event in events:
        emitter.emit(event)
    text = stream.getvalue()
    return text.removesuffix("...\n") if text.endswith("\n...\n") else text


def _events(value: Any) -> Iterator[yaml.Event]:
    if is_mapping(value):
        yield yaml.MappingStartEvent(None, None, True, flow_style=not value)
        for key, item in value.items():
            yield _scalar(key)
            yield from _events(item)
        yield yaml.MappingEndEvent()
    elif is_list(value):
        yield yaml.SequenceStartEvent(None, None, True, flow_style=not value)
        for item in value:
            yield from _events(item)
        yield yaml.SequenceEndEvent()
    else:
        yield _scalar(value)


def _scalar(value: Any) -> yaml.ScalarEvent:
    if not isinstance(value, str):
        return yaml.ScalarEvent(None, None, (True, False), json.dumps(value))
    if not value.replace("\n", "").isprintable():
        return yaml.ScalarEvent(None, None, (False, True), value, style='"')
    if "\n" in value:
        return yaml.ScalarEvent(None, None, (False, True), value, style="|")
    return yaml.ScalarEvent(None, None, (_is_plain(value), True), value)


def _is_plain(text: str) -> bool:
    """Whether a text needs no quotes to stay text by YAML 1.2, where ``on`` and dates are text."""
    if not text or text == _MERGE:
        return False
    try:
        return isinstance(resolve(text, _DIGITS), str)
    except (NumberError, OverflowError, ValueError):
        return False
