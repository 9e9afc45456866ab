"""Calls as plain values: what is sent, what its answer is taken for, and whether it may be sent twice."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from blockyard_platform.client.errors import BadAnswerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of an answer; a page of stages with long results is the longest."""
SECONDS = 30.0
"""How long the server may be silent."""
MOST_SECONDS = 300.0
"""How long an answer may take to come, from its head on."""

MOST_QUERY = 6_000
"""Bytes of one parameter of a query."""

_HEADER = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,998}[\x21-\x7e])?")

Query: TypeAlias = "Mapping[str, str | int | bool | float | datetime | None]"


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, but for the token. ``path`` is quoted; ``seconds`` is how long the server may be silent."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = field(default=None, repr=False)
    seconds: float = SECONDS
    most_bytes: int = MOST_BYTES


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of an answer; names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer(Head):
    """An answer as a whole."""

    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and what its answer means: ``read`` takes one whose status is 2xx or one of ``also``.

    ``safe``: the server does the same however often it is sent. ``removes``: when it was sent before, not to be there is success.
    """

    request: Request
    read: Callable[[Answer], T]
    safe: bool
    also: tuple[int, ...] = ()
    removes: bool = False

    def asking(self, **query: str | int | None) -> Call[T]:
        """Return the call with other parameters in its query."""
        kept = tuple(it for it in self.request.query if it[0] not in query)
        return replace(self, request=replace(self.request, query=kept + written(query)))


def get(path: str, read: Callable[[Answer], T], query: Query | None = None) -> Call[T]:
    """Return a call that looks."""
    return Call(Request("GET", path, written(query or {})), read, safe=True)


def send(
    method: str,
    path: str,
    read: Callable[[Answer], T],
    body: Mapping[str, Any],
    query: Query | None = None,
    *,
    safe: bool = False,
) -> Call[T]:
    """Return a call with a body of JSON; a PUT is safe in any case. Raises UsageError for what JSON cannot say."""
    try:
        data = json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"this cannot be said in JSON: {error}") from None
    headers = (("Content-Type", "application/json"),)
    request = Request(method, path, written(query or {}), headers, data)
    return Call(request, read, safe=safe or method == "PUT")


def send_text(
    method: str,
    path: str,
    read: Callable[[Answer], T],
    text: str,
    query: Query | None = None,
    *,
    safe: bool = False,
) -> Call[T]:
    """Return a call whose body is a document, in YAML or JSON."""
    headers = (("Content-Type", "application/yaml"),)
    request = Request(method, path, written(query or {}), headers, _utf8("the document", text))
    return Call(request, read, safe=safe or method == "PUT")


def delete(path: str, read: Callable[[Answer], T], *, removes: bool = True) -> Call[T]:
    """Return a call that takes something away."""
    return Call(Request("DELETE", path), read, safe=True, removes=removes)


def written(query: Query) -> tuple[tuple[str, str], ...]:
    """Return parameters as texts, without those that are not given. Raises UsageError for a time without a zone."""
    return tuple((name, _text(name, it)) for name, it in query.items() if it is not None)


def _text(name: str, value: str | bool | float | datetime) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise UsageError(f"{name} has no time zone", "give it one: tzinfo=UTC")
        return value.isoformat()
    text = str(value)
    if len(_utf8(name, text)) > MOST_QUERY:
        raise UsageError(f"{name} is longer than {MOST_QUERY} bytes")
    return text


def header(name: str, value: str) -> tuple[str, str]:
    """Return a header whose value is somebody's text. Raises UsageError for what a header cannot have."""
    if not _HEADER.fullmatch(value):
        raise UsageError(f"{name} cannot be {value[:60]!r}", "give up to 1000 characters of ASCII")
    return name, value


def _utf8(what: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{what} has half a character, which cannot be sent") from None


def model(kind: type[M]) -> Callable[[Answer], M]:
    """Return what takes an answer for a model. It raises BadAnswerError, whose words leave the answer out."""

    def read(answer: Answer) -> M:
        try:
            return kind.model_validate_json(answer.body)
        except ValidationError as error:
            raise _unfit(error) from None

    return read


def mapping(answer: Answer) -> dict[str, Any]:
    """Take an answer for a JSON object. Raises BadAnswerError."""
    try:
        return TypeAdapter(dict[str, Any]).validate_json(answer.body)
    except ValidationError as error:
        raise _unfit(error) from None


def nothing(answer: Answer) -> None:
    """Take an answer for one that says no more than that it was done."""


def text(answer: Answer) -> str:
    """Take an answer for a text."""
    return answer.body.decode("utf-8", "replace")


def _unfit(error: ValidationError) -> BadAnswerError:
    first = error.errors(include_input=False, include_url=False)[0]
    place = "/".join(map(str, first["loc"]))[:200]
    where = f" at {place}" if place else ""
    return BadAnswerError(
        f"the answer is not what this API gives: {first['msg'][:200]}{where}",
        "see that this is the address of a Blockyard service, of this version",
    )
