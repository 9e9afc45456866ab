"""Plain data and places from the events of PyYAML's parser.

Nothing of PyYAML's constructors is used: no tag builds an object, and each bound is checked before a value is made.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from yaml import MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from blockyard_schemas.findings import Findings
from blockyard_schemas.limits import ReadLimits
from blockyard_schemas.meter import Meter
from blockyard_schemas.yaml_errors import explain
from blockyard_schemas.yaml_frames import Anchored, Frame, Size
from blockyard_schemas.yaml_values import CORE, YamlValues


class YamlText:
    """Reads one text. ``marks`` holds, by the identity of each list and mapping, the offsets of what is in it."""

    def __init__(self, text: str, limits: ReadLimits, findings: Findings) -> None:
        """Keep what is needed; nothing is read yet."""
        self._text = text
        self._findings = findings
        self._stack: list[Frame] = []
        # Not by way of ``self``: a reading that refers to itself would keep its text until somebody looks for garbage.
        self._path = path = partial(_path_of, self._stack)
        self._meter = Meter(limits, findings, path)
        self._values = YamlValues(limits.digits, findings, path)
        self._anchors: dict[str, Anchored | None] = {}
        self._documents = 0
        self._root: Any = None
        self.marks: dict[int, list[int]] = {}
        self.root_at = 0

    def read(self) -> Any:
        """Return the data; raise InvalidDocumentError."""
        try:
            self._events(parser(self._text))
        except MarkedYAMLError as error:
            raise explain(error, self._text, self._findings, self._path()) from None
        except YAMLError as error:
            raise self._findings.stop("yaml", f"the text is not YAML: {error}") from None
        if not self._documents:
            hint = "a workflow has at least `name:` and `stages:`"
            raise self._findings.stop("empty", "the document is empty", hint, at=0)
        self._findings.check()
        return self._root

    def _events(self, events: Any) -> None:
        while True:
            event = events.get_event()
            at: int = event.start_mark.index
            if type(event) is ScalarEvent:
                self._scalar(event, at)
            elif type(event) is StreamEndEvent:
                return
            else:
                self._structure(event, at)

    def _structure(self, event: Event, at: int) -> None:
        if isinstance(event, MappingStartEvent):
            self._open({}, event.anchor, event.tag, CORE + "map", at)
        elif isinstance(event, SequenceStartEvent):
            self._open([], event.anchor, event.tag, CORE + "seq", at)
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._close()
        elif isinstance(event, AliasEvent):
            self._alias(event.anchor or "", at)
        elif isinstance(event, DocumentStartEvent):
            self._document(at)

    def _document(self, at: int) -> None:
        self._documents += 1
        if self._documents > 1:
            hint = "a file holds one workflow: take the line `---` and what follows out"
            raise self._findings.stop(
                "documents", "the text holds more than one document", hint, at=at
            )

    def _scalar(self, event: ScalarEvent, at: int) -> None:
        text: str = event.value
        special = event.tag is not None or event.implicit[0]
        if self._stack and self._stack[-1].wants_key:
            if special:
                self._values.check_key(event, text, at)
            self._key(text, at)
            return
        value: Any = self._values.value(event, text, at) if special else text
        size = Size(1, len(text))
        self._meter.count(1, len(text), at)
        if event.anchor is not None:
            self._anchors[event.anchor] = Anchored(value, size)
        self._put(value, size, at)

    def _key(self, text: str, at: int) -> None:
        frame = self._stack[-1]
        first = frame.first_mark(text)
        if first is not None:
            line, column = self._findings.place(first) or (0, 0)
            self._findings.add(
                "duplicate-key",
                f"the key '{text[:60]}' stands twice in one mapping; first at line {line}, column {column}",
                "take one of them out, or rename it",
                at=at,
                path=[*self._path(), text],
            )
        self._meter.count(0, len(text), at)
        frame.begin(text, at)

    def _open(self, data: Any, anchor: str | None, tag: str | None, own_tag: str, at: int) -> None:
        if tag is not None and tag not in ("!", own_tag):
            self._values.refuse_tag(tag, at)
        self._check_no_key(at)
        self._meter.count(1, 0, at)
        self._meter.depth(len(self._stack) + 1, at)
        if anchor is not None:
            self._anchors[anchor] = None
        if self._stack:
            self._stack[-1].put(data, at)
        else:
            self._root, self.root_at = data, at
        self._stack.append(Frame(data, anchor))

    def _close(self) -> None:
        frame = self._stack.pop()
        self.marks[id(frame.data)] = frame.marks
        if frame.anchor is not None:
            self._anchors[frame.anchor] = Anchored(frame.data, frame.size)
        if self._stack:
            self._stack[-1].grow(frame.size)

    def _alias(self, name: str, at: int) -> None:
        self._check_no_key(at)
        known = self._anchors.get(name)
        if known is None:
            raise self._no_such_anchor(name, at)
        self._meter.alias(at)
        self._meter.count(known.size.nodes, known.size.text, at)
        self._meter.depth(len(self._stack) + known.size.height, at)
        self._put(known.value, known.size, at)

    def _no_such_anchor(self, name: str, at: int) -> Exception:
        if name in self._anchors:
            message = f"the alias *{name[:60]} stands inside of what it stands for"
            hint = "a value cannot hold itself: write it out"
        else:
            message = f"there is no anchor &{name[:60]} before this alias"
            hint = "write the anchor (&name) at a value above"
        return self._findings.stop("alias", message, hint, at=at, path=self._path())

    def _put(self, value: Any, size: Size, at: int) -> None:
        if not self._stack:
            self._root, self.root_at = value, at
            return
        frame = self._stack[-1]
        frame.put(value, at)
        frame.grow(size)

    def _check_no_key(self, at: int) -> None:
        if self._stack and self._stack[-1].wants_key:
            message = "a list, a mapping or an alias cannot be a key"
            hint = "keys are text; when this is an expression, put it in quotes: '${{ ... }}'"
            raise self._findings.stop("key", message, hint, at=at, path=self._path())


def _path_of(stack: list[Frame]) -> list[str | int]:
    """Return the path to what is being read."""
    return [part for it in stack for part in it.step(innermost=it is stack[-1])]


def parser(text: str) -> Any:
    """Return libyaml's parser, or PyYAML's own where that is missing."""
    try:
        from yaml import cyaml
    except ImportError:
        from yaml import BaseLoader

        return BaseLoader(text)
    return vars(cyaml)["CParser"](text)
