"""What happens in a run, as a stream that goes on where it broke off, and the wait for its end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from blockyard_platform.client.answers import error_of
from blockyard_platform.client.calls import SECONDS, Head, Request
from blockyard_platform.client.effects import Give, Open, Pause, Read
from blockyard_platform.client.errors import BadAnswerError, NotEndedError, UnreachableError
from blockyard_platform.client.flows import check_encoding, perform, rest
from blockyard_platform.client.sse import MEDIA_TYPE, Parser
from blockyard_platform.service.api.models.runs import EventOut
from blockyard_platform.service.runs.views import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from blockyard_platform.client.calls import Call
    from blockyard_platform.client.effects import Flow, Stream
    from blockyard_platform.client.retries import Retry
    from blockyard_platform.client.sse import Message
    from blockyard_platform.service.api.models.runs import EventsOut, RunOut

QUIET_SECONDS = 60.0
"""How long a stream may say nothing at all; the server sends a sign of life four times as often."""

_TRANSIENT = (429, 502, 503, 504)
_AT_ONCE = 30.0
_EARLY_SECONDS = 1.0
_LONGEST_ID = 19


@dataclass(frozen=True, slots=True)
class Followed:
    """The calls that a run is followed with: ``listing`` those of events, by the last one that is known, ``look`` of the run itself."""

    path: str
    listing: Callable[[int], Call[EventsOut]]
    look: Call[RunOut]
    retry: Retry


def follow(run: Followed, after: int) -> Stream[EventOut]:
    """Give what happens in a run after an event, each once and in order, until it has ended. Raises ClientError."""
    last, lost = after, 0
    while True:
        error: Exception
        try:
            head: Any = yield Open(_request(run.path, last))
            if head.status == 200:
                _check(head)
                parser = Parser()
                while (chunk := (yield Read())) is not None:
                    for message in parser.feed(chunk):
                        event = _event(message)
                        if event.seq > last:
                            last, lost = event.seq, 0
                            yield Give(event)
                found = yield from perform(run.look, run.retry)
                if found.state is State.ENDED:
                    # The stream may have ended for another reason than the run: what it has not said is asked for.
                    yield from listed(run, last)
                    return
                error = UnreachableError("the stream of events ends again and again")
            else:
                error = error_of((yield from rest(head, 1024 * 1024)))
                if head.status not in _TRANSIENT:
                    raise error
        except UnreachableError as broken:
            if broken.hopeless:
                raise
            error = broken
        lost += 1
        pause = run.retry.pause(lost)
        if pause is None:
            raise error
        yield Pause(pause)


def listed(run: Followed, after: int) -> Stream[EventOut]:
    """Give what has happened in a run after an event, up to now. Raises ClientError."""
    while True:
        found = yield from perform(run.listing(after), run.retry)
        for event in found.items:
            if event.seq <= after:
                raise BadAnswerError("the events are not in their order")
            after = event.seq
            yield Give(event)
        if not found.items:
            return


def wait(look: Call[RunOut], retry: Retry, timeout: float | None) -> Flow[RunOut]:
    """Come to a run when it has ended. Raises NotEndedError after ``timeout`` seconds, ClientError."""
    end = None if timeout is None else monotonic() + timeout
    while True:
        begun = monotonic()
        left = _AT_ONCE if end is None else max(0.0, min(_AT_ONCE, end - begun))
        asked = look.asking(wait=f"{left:.3f}")
        asked = replace(asked, request=replace(asked.request, seconds=SECONDS + left))
        found = yield from perform(asked, retry)
        if found.state is State.ENDED:
            return found
        if end is not None and monotonic() >= end:
            raise NotEndedError(found)
        if monotonic() - begun < min(left, _EARLY_SECONDS):
            # It does not wait, though it was asked to.
            yield Pause(_EARLY_SECONDS if end is None else min(_EARLY_SECONDS, left))


def _request(path: str, last: int) -> Request:
    headers = (("Accept", MEDIA_TYPE), *((("Last-Event-ID", str(last)),) if last else ()))
    return Request("GET", path, headers=headers, seconds=QUIET_SECONDS)


def _check(head: Head) -> None:
    check_encoding(head)
    if head.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise BadAnswerError("the answer is no stream of events")


def _event(message: Message) -> EventOut:
    number = message.id
    try:
        if not number.isascii() or not number.isdecimal() or len(number) > _LONGEST_ID:
            raise BadAnswerError("an event of the stream has no number")
        data = TypeAdapter(dict[str, Any]).validate_json(message.data)
        at, path = data.pop("at", None), data.pop("path", None)
        said = {"seq": int(number), "at": at, "kind": message.kind, "path": path, "data": data}
        return EventOut.model_validate(said)
    except ValidationError:
        raise BadAnswerError("an event of the stream is not of the form that it has") from None
