"""Flows that every operation is made of: one exchange, a call with its retries, all pages of a listing, the lines of a long answer."""

from __future__ import annotations

from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, TypeVar, cast

from blockyard_platform.client.answers import error_of
from blockyard_platform.client.calls import MOST_QUERY, MOST_SECONDS, Answer
from blockyard_platform.client.effects import Give, Open, Pause, Read
from blockyard_platform.client.errors import BadAnswerError, UnreachableError

if TYPE_CHECKING:
    from blockyard_platform.client.calls import Call, Head, Request
    from blockyard_platform.client.effects import Flow, Stream
    from blockyard_platform.client.retries import Retry
    from blockyard_platform.service.api.models.base import Paged

T = TypeVar("T")

_MOST_LINE = 4 * 1024 * 1024


def exchange(request: Request) -> Flow[Answer]:
    """Send a request and read its answer, up to its bound. Raises UnreachableError, BadAnswerError."""
    head = yield Open(request)
    return (yield from rest(head, request.most_bytes))


def rest(head: Head, most: int) -> Flow[Answer]:
    """Read the body of an answer whose head has come."""
    check_encoding(head)
    end = monotonic() + MOST_SECONDS
    body = bytearray()
    while True:
        chunk: bytes | None = yield Read()
        if chunk is None:
            return Answer(head.status, head.headers, bytes(body))
        body += chunk
        if len(body) > most:
            raise BadAnswerError(f"the answer is longer than {most} bytes", "ask for fewer rows")
        if monotonic() > end:
            raise UnreachableError(f"the answer had not come after {MOST_SECONDS:.0f} s")


def check_encoding(head: Head) -> None:
    """Raise BadAnswerError for a body that is packed: it was not asked for, and a short one can become a very long one."""
    if head.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise BadAnswerError("the answer is compressed, which was not asked for")


def perform(call: Call[T], retry: Retry) -> Flow[T]:
    """Do a call: send it, and again where that is safe, and take the answer for what it is. Raises ClientError."""
    lost = False
    for tried in count(1):
        try:
            answer = yield from exchange(call.request)
        except UnreachableError as error:
            lost = lost or error.sent
            pause = retry.after_loss(tried, error, safe=call.safe)
            if pause is None:
                raise
        else:
            if 200 <= answer.status < 300 or answer.status in call.also:
                return call.read(answer)
            if call.removes and lost and answer.status == 404:
                # The answer to an earlier try was lost: it has done it.
                return call.read(answer)
            pause = retry.after_answer(tried, answer, safe=call.safe)
            if pause is None:
                raise error_of(answer)
        yield Pause(pause)
    raise AssertionError("a retry ends")


def pages(call: Call[Paged[T]], retry: Retry) -> Stream[T]:
    """Give the rows of a listing, page after page, each asked for when it is needed. Raises ClientError."""
    cursor: str | None = None
    while True:
        page = yield from perform(call, retry)
        for row in page.items:
            yield Give(row)
        if page.next is None:
            return
        if page.next == cursor or len(page.next) > MOST_QUERY:
            raise BadAnswerError("the listing leads back to the same page, or nowhere")
        cursor = page.next
        call = call.asking(cursor=cursor)


def lines(request: Request) -> Stream[str]:
    """Give the lines of an answer of any length, each bounded. When it breaks off, that is raised: nothing is asked for again."""
    head = cast("Head", (yield Open(request)))
    if head.status != 200:
        raise error_of((yield from rest(head, request.most_bytes)))
    check_encoding(head)
    held = b""
    while True:
        chunk = cast("bytes | None", (yield Read()))
        *whole, held = (held + (chunk or b"")).split(b"\n")
        for line in whole:
            yield Give(line.decode("utf-8", "replace"))
        if len(held) > _MOST_LINE:
            raise BadAnswerError(f"a line is longer than {_MOST_LINE} bytes")
        if chunk is None:
            if held:
                yield Give(held.decode("utf-8", "replace"))
            return
