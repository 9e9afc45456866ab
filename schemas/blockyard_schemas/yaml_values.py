"""Scalars and keys of YAML: what they are, and which are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from yaml.events import ScalarEvent

from blockyard_schemas.findings import Findings
from blockyard_schemas.scalars import NumberError, resolve

CORE = "tag:yaml.org,2002:"
_TAGS: Mapping[str, type] = MappingProxyType(
    {"str": str, "int": int, "float": float, "bool": bool, "null": type(None)}
)


class YamlValues:
    """Turns scalar events into values; notes problems and goes on."""

    def __init__(
        self, digits: int, findings: Findings, path: Callable[[], Sequence[str | int]]
    ) -> None:
        """Keep what is needed."""
        self._digits = digits
        self._findings = findings
        self._path = path

    def value(self, event: ScalarEvent, text: str, at: int) -> Any:
        """Return the value of a scalar that is plain or bears a tag."""
        tag = event.tag
        try:
            if tag is None:
                return resolve(text, self._digits)
            if tag in ("!", CORE + "str"):
                return text
            return self._tagged(tag, text, at)
        except (NumberError, OverflowError) as error:
            self._add("number", str(error), "put it in quotes to keep it as text", at)
            return 0

    def _tagged(self, tag: str, text: str, at: int) -> Any:
        wanted = _TAGS.get(tag.removeprefix(CORE)) if tag.startswith(CORE) else None
        if wanted is None:
            self.refuse_tag(tag, at)
            return text
        value = resolve(text, self._digits)
        if wanted is float and type(value) is int:
            return float(value)
        if type(value) is not wanted:
            self._add("tag", f"{short(tag)} does not fit {text[:40]!r}", "take the tag out", at)
        return value

    def check_key(self, event: ScalarEvent, text: str, at: int) -> None:
        """Note a key that is a merge key, or is not text."""
        if event.tag is None and text == "<<":
            hint = "write the keys out; an alias (*name) may stand for a whole value"
            self._add("merge-key", "merge keys (<<) are not supported", hint, at)
        elif not isinstance(self.value(event, text, at), str):
            hint = f"put it in quotes: '{text[:40]}':"
            self._add("key", f"the key {text[:40] or 'null'} is not text", hint, at)

    def refuse_tag(self, tag: str, at: int) -> None:
        """Note a tag that is not one of the core schema's."""
        hint = "documents are plain data: take the tag out"
        self._add("tag", f"the tag {short(tag)} is not allowed", hint, at)

    def _add(self, rule: str, message: str, hint: str, at: int) -> None:
        self._findings.add(rule, message, hint, at=at, path=self._path())


def short(tag: str) -> str:
    """Return a tag as it is written, cut."""
    return ("!!" + tag.removeprefix(CORE) if tag.startswith(CORE) else tag)[:60]
