"""Plain data and places from the events of PyYAML's parser.

Nothing of PyYAML's constructors is used: no tag builds an object, and each bound is checked before a value is made.
"""

from __future__ import annotations

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
from blockyard_schemas.scalars import NumberError, resolve
from blockyard_schemas.yaml_errors import explain

_NO_KEY: Any = object()
_CORE = "tag:yaml.org,2002:"
_SCALAR_TAGS = {"str": str, "int": int, "float": float, "bool": bool, "null": type(None)}


class _Frame:
    """A list or mapping that is being filled, and what is known of its size."""

    __slots__ = (
        "anchor",
        "data",
        "height",
        "is_mapping",
        "key",
        "key_at",
        "marks",
        "nodes",
        "text",
    )

    def __init__(self, data: Any, anchor: str | None) -> None:
        self.data = data
        self.is_mapping = isinstance(data, dict)
        self.marks: list[int] = []
        self.key: Any = _NO_KEY
        self.key_at = 0
        self.anchor = anchor
        self.nodes = 1
        self.text = 0
        self.height = 1


class _Anchored:
    """What an alias stands for; ``done`` is false while it is still being read."""

    __slots__ = ("done", "height", "nodes", "text", "value")

    def __init__(self, value: Any, nodes: int, text: int, height: int) -> None:
        self.value = value
        self.nodes = nodes
        self.text = text
        self.height = height
        self.done = True


class YamlText:
    """Reads one text. ``marks`` holds, by the identity of each list and mapping, the offsets of what is in it."""

    def __init__(self, text: str, limits: ReadLimits, findings: Findings) -> None:
        """Keep what is needed; nothing is read yet."""
        self._text = text
        self._limits = limits
        self._findings = findings
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Anchored | None] = {}
        self._nodes = 0
        self._characters = 0
        self._aliases = 0
        self._documents = 0
        self.marks: dict[int, list[int]] = {}
        self.root: Any = None
        self.root_at = 0

    def read(self) -> Any:
        """Return the data; raise InvalidDocumentError."""
        parser = _parser(self._text)
        try:
            while True:
                event = parser.get_event()
                if type(event) is ScalarEvent:
                    self._scalar(event)
                elif type(event) is StreamEndEvent:
                    break
                else:
                    self._structure(event)
        except MarkedYAMLError as error:
            raise explain(error, self._text, self._findings, self._path()) from None
        except YAMLError as error:
            raise self._findings.stop("yaml", f"the text is not YAML: {error}") from None
        finally:
            parser.dispose()
        if not self._documents:
            raise self._findings.stop(
                "empty", "the document is empty", "a workflow has a name and stages", at=0
            )
        self._findings.check()
        return self.root

    def _structure(self, event: Event) -> None:
        if isinstance(event, MappingStartEvent):
            self._open({}, event, "map")
        elif isinstance(event, SequenceStartEvent):
            self._open([], event, "seq")
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._close()
        elif isinstance(event, AliasEvent):
            self._alias(event)
        elif isinstance(event, DocumentStartEvent):
            self._document(event)

    def _document(self, event: DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            raise self._findings.stop(
                "documents",
                "the text holds more than one document",
                "a file holds one workflow: take the line `---` and what follows out",
                at=event.start_mark.index,
            )

    def _scalar(self, event: ScalarEvent) -> None:
        at: int = event.start_mark.index
        text: str = event.value
        stack = self._stack
        if stack and stack[-1].is_mapping and stack[-1].key is _NO_KEY:
            self._key(event, text, at)
            return
        value: Any = text
        if event.tag is not None or event.implicit[0]:
            value = self._resolved(event, text, at)
        self._count(1, len(text), at)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(value, 1, len(text), 0)
        self._put(value, at, 1, len(text), 0)

    def _resolved(self, event: ScalarEvent, text: str, at: int) -> Any:
        tag = event.tag
        try:
            if tag is None:
                return resolve(text, self._limits.digits)
            if tag == "!" or tag == _CORE + "str":
                return text
            wanted = _SCALAR_TAGS.get(tag.removeprefix(_CORE)) if tag.startswith(_CORE) else None
            if wanted is not None:
                value = resolve(text, self._limits.digits)
                if wanted is float and type(value) is int:
                    return float(value)
                if type(value) is wanted:
                    return value
        except (NumberError, OverflowError) as error:
            self._findings.add(
                "number",
                str(error),
                "put it in quotes to keep it as text",
                at=at,
                path=self._path(),
            )
            return 0
        self._tag(tag, at)
        return text

    def _key(self, event: ScalarEvent, text: str, at: int) -> None:
        frame = self._stack[-1]
        if event.tag is not None or event.implicit[0]:
            self._check_plain_key(event, text, at)
        if text in frame.data:
            first = frame.marks[2 * list(frame.data).index(text)]
            line, column = self._findings.place(first) or (0, 0)
            self._findings.add(
                "duplicate-key",
                f"the key '{text[:60]}' stands twice in one mapping; first at line {line}, column {column}",
                "take one of them out, or rename it",
                at=at,
                path=(*self._path(), text),
            )
        self._characters += len(text)
        frame.text += len(text)
        frame.key = text
        frame.key_at = at

    def _check_plain_key(self, event: ScalarEvent, text: str, at: int) -> None:
        if event.tag is None and text == "<<":
            self._findings.add(
                "merge-key",
                "merge keys (<<) are not supported",
                "write the keys out; an alias (*name) may stand for a whole value",
                at=at,
                path=self._path(),
            )
        elif not isinstance(self._resolved(event, text, at), str):
            self._findings.add(
                "key",
                f"the key {text[:40] or 'null'} is not text",
                f"put it in quotes: '{text[:40]}':",
                at=at,
                path=self._path(),
            )

    def _open(self, data: Any, event: MappingStartEvent | SequenceStartEvent, tag: str) -> None:
        at: int = event.start_mark.index
        if event.tag is not None and event.tag not in ("!", _CORE + tag):
            self._tag(event.tag, at)
        self._check_key_is_text(at)
        self._count(1, 0, at)
        if len(self._stack) >= self._limits.depth:
            raise self._too_deep(at)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._put_later(data, at)
        self._stack.append(_Frame(data, event.anchor))

    def _put_later(self, data: Any, at: int) -> None:
        """Put a list or mapping in its place now; its size is added when it is closed."""
        self._put(data, at, 0, 0, 0)

    def _close(self) -> None:
        frame = self._stack.pop()
        self.marks[id(frame.data)] = frame.marks
        if frame.anchor is not None:
            self._anchors[frame.anchor] = _Anchored(
                frame.data, frame.nodes, frame.text, frame.height
            )
        if self._stack:
            outer = self._stack[-1]
            outer.nodes += frame.nodes
            outer.text += frame.text
            outer.height = max(outer.height, frame.height + 1)

    def _alias(self, event: AliasEvent) -> None:
        at: int = event.start_mark.index
        self._check_key_is_text(at)
        name = event.anchor
        if name not in self._anchors:
            raise self._findings.stop(
                "alias",
                f"there is no anchor &{name[:60]} before this alias",
                "write the anchor (&name) at a value above",
                at=at,
                path=self._path(),
            )
        known = self._anchors[name]
        if known is None:
            raise self._findings.stop(
                "alias",
                f"the alias *{name[:60]} stands inside of what it stands for",
                "a value cannot hold itself: write it out",
                at=at,
                path=self._path(),
            )
        self._aliases += 1
        if self._aliases > self._limits.aliases:
            raise self._limit(
                f"the document uses more than {self._limits.aliases} aliases",
                "write values out",
                at,
            )
        self._count(known.nodes, known.text, at)
        if len(self._stack) + known.height > self._limits.depth:
            raise self._too_deep(at)
        self._put(known.value, at, known.nodes, known.text, known.height)

    def _put(self, value: Any, at: int, nodes: int, text: int, height: int) -> None:
        if not self._stack:
            self.root, self.root_at = value, at
            return
        frame = self._stack[-1]
        frame.nodes += nodes
        frame.text += text
        if height >= frame.height:
            frame.height = height + 1
        if frame.is_mapping:
            frame.data[frame.key] = value
            frame.marks += (frame.key_at, at)
            frame.key = _NO_KEY
        else:
            frame.data.append(value)
            frame.marks.append(at)

    def _count(self, nodes: int, text: int, at: int) -> None:
        self._nodes += nodes
        self._characters += text
        if self._nodes > self._limits.nodes:
            raise self._limit(
                f"the document holds more than {self._limits.nodes} values, aliases followed",
                "split it, or use fewer aliases",
                at,
            )
        if self._characters > self._limits.text:
            raise self._limit(
                f"the document holds more than {self._limits.text} characters, aliases followed",
                "split it, or use fewer aliases",
                at,
            )

    def _check_key_is_text(self, at: int) -> None:
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.is_mapping and frame.key is _NO_KEY:
            raise self._findings.stop(
                "key",
                "a list, a mapping or an alias cannot be a key",
                "keys are text; when this is an expression, put it in quotes: '${{ ... }}'",
                at=at,
                path=self._path(),
            )

    def _tag(self, tag: str, at: int) -> None:
        self._findings.add(
            "tag",
            f"the tag {_short(tag)[:60]} is not allowed",
            "documents are plain data: take the tag out",
            at=at,
            path=self._path(),
        )

    def _too_deep(self, at: int) -> Exception:
        return self._limit(
            f"lists and mappings are nested more than {self._limits.depth} deep",
            "move inner parts outwards",
            at,
        )

    def _limit(self, message: str, hint: str, at: int) -> Exception:
        return self._findings.stop("limit", message, hint, at=at, path=self._path())

    def _path(self) -> list[str | int]:
        path: list[str | int] = []
        for frame in self._stack:
            if not frame.is_mapping:
                path.append(len(frame.data) - (frame is not self._stack[-1]))
            elif frame.key is not _NO_KEY:
                path.append(frame.key)
        return path


def _short(tag: str) -> str:
    return "!!" + tag.removeprefix(_CORE) if tag.startswith(_CORE) else tag


def _parser(text: str) -> Any:
    """Return libyaml's parser, or PyYAML's own where that is missing."""
    try:
        from yaml.cyaml import CParser
    except ImportError:
        from yaml import BaseLoader

        return BaseLoader(text)
    return _Disposable(CParser(text))


class _Disposable:
    """Gives libyaml's parser the ``dispose`` of the other one."""

    def __init__(self, parser: Any) -> None:
        self.get_event = parser.get_event

    def dispose(self) -> None:
        """Do nothing: the parser has no state to let go of."""
