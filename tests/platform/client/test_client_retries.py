"""What is sent again and what is not: flows without a network and without a clock."""

from collections.abc import Generator
from typing import Any

import pytest

from blockyard_platform.client import BadAnswerError, ClientError, Retry, UnreachableError
from blockyard_platform.client.calls import (
    Call,
    Head,
    Request,
    delete,
    get,
    mapping,
    model,
    nothing,
    send,
)
from blockyard_platform.client.effects import Give, Open, Pause, Read
from blockyard_platform.client.errors import (
    ConflictError,
    NotFoundError,
    QuotaError,
    ServerError,
    ThrottledError,
    UnavailableError,
)
from blockyard_platform.client.flows import lines, pages, perform
from blockyard_platform.client.retries import ONCE
from blockyard_platform.service.api.models.base import Paged
from blockyard_platform.service.api.models.secrets import SecretOut

LOOK = get("/look", mapping)
MAKE = send("POST", "/make", mapping, {})
KEYED = send("POST", "/make", mapping, {}, safe=True)
REMOVE = delete("/thing", nothing)
LOST = UnreachableError("lost", sent=True)
REFUSED = UnreachableError("refused", sent=False)
HOPELESS = UnreachableError("bad certificate", sent=False, hopeless=True)
OK: tuple[int, dict[str, str], bytes] = (200, {}, b'{"a": 1}')


def said(status: int, rule: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    body = f'{{"type":"urn:blockyard:problem:{rule}","title":"","status":{status},"detail":"d","instance":""}}'
    return status, {name.replace("_", "-"): it for name, it in headers.items()}, body.encode()


def play(flow: Generator[Any, Any, Any], *script: Any) -> tuple[Any, list[float], list[Any]]:
    """Answer each request with the next of the script; return the result or the error, the pauses, and what was given."""
    answers = list(script)
    pauses: list[float] = []
    given: list[Any] = []
    pending: list[bytes] = []
    value: Any = None
    error: Exception | None = None
    while True:
        try:
            effect = flow.send(value) if error is None else flow.throw(error)
        except StopIteration as end:
            assert not answers
            return end.value, pauses, given
        except ClientError as raised:
            assert not answers
            return raised, pauses, given
        value, error = None, None
        match effect:
            case Open():
                it = answers.pop(0)
                if isinstance(it, Exception):
                    error = it
                else:
                    value, pending = Head(it[0], it[1]), [it[2]] if it[2] else []
            case Read():
                value = pending.pop(0) if pending else None
            case Pause(seconds):
                pauses.append(seconds)
            case Give():
                given.append(effect.item)  # pyright: ignore[reportUnknownMemberType]
            case _:
                raise AssertionError(effect)


SENDING: list[Any] = [
    (LOOK, [LOST, REFUSED, OK], {"a": 1}, 3),
    (MAKE, [REFUSED, OK], {"a": 1}, 2),
    (MAKE, [LOST], UnreachableError, 1),
    (KEYED, [LOST, OK], {"a": 1}, 2),
    (LOOK, [HOPELESS], UnreachableError, 1),
    (LOOK, [LOST, LOST, LOST, LOST], UnreachableError, 4),
    (MAKE, [said(429, "throttled", retry_after="2"), OK], {"a": 1}, 2),
    (MAKE, [said(429, "quota")], QuotaError, 1),
    (LOOK, [said(429, "throttled", retry_after="31")], ThrottledError, 1),
    (LOOK, [said(429, "throttled", retry_after="Fri, 01 Jan 2027 00:00:00 GMT")], ThrottledError, 1),
    (LOOK, [said(503, "store", retry_after="1"), OK], {"a": 1}, 2),
    (MAKE, [said(503, "store", retry_after="1")], UnavailableError, 1),
    (LOOK, [said(503, "store")], UnavailableError, 1),
    (LOOK, [said(500, "internal", retry_after="1")], ServerError, 1),
    (MAKE, [said(409, "conflict")], ConflictError, 1),
    (REMOVE, [(204, {}, b"")], None, 1),
    (REMOVE, [said(404, "not-found")], NotFoundError, 1),
    (REMOVE, [LOST, said(404, "not-found")], None, 2),
    (REMOVE, [REFUSED, said(404, "not-found")], NotFoundError, 2),
]  # fmt: skip


@pytest.mark.parametrize(("call", "script", "result", "tries"), SENDING)
def test_only_what_is_safe_is_sent_again(
    call: Call[Any], script: list[Any], result: Any, tries: int
) -> None:
    found, pauses, _ = play(perform(call, Retry()), *script)
    assert len(pauses) == tries - 1
    if isinstance(result, type):
        assert type(found) is result
    else:
        assert found == result


def test_pauses_grow_and_heed_the_server() -> None:
    retry = Retry(tries=8, first=1, most=4)
    _, pauses, _ = play(perform(LOOK, retry), *[LOST] * 7, OK)
    for pause, whole in zip(pauses, [1, 2, 4, 4, 4, 4, 4], strict=True):
        assert whole / 2 <= pause <= whole
    _, pauses, _ = play(perform(LOOK, retry), said(429, "throttled", retry_after="7"), OK)
    assert pauses == [7]
    found, pauses, _ = play(perform(LOOK, ONCE), LOST)
    assert (found, pauses) == (LOST, [])


def page(*names: str, cursor: str | None) -> tuple[int, dict[str, str], bytes]:
    rows = [
        {"tenant": "t", "name": it, "version": 1, "author": "a", "created": "2026-01-01T00:00:00Z"}
        for it in names
    ]
    return (
        200,
        {},
        Paged[SecretOut].model_validate({"items": rows, "next": cursor}).model_dump_json().encode(),
    )


def test_pages_follow_their_cursors_and_no_circle() -> None:
    call = get("/x", model(Paged[SecretOut]), {"limit": 2})
    _, pauses, given = play(
        pages(call, Retry()), page("a", "b", cursor="1"), LOST, page("c", cursor=None)
    )
    assert [it.name for it in given] == ["a", "b", "c"]
    assert len(pauses) == 1
    found, _, given = play(pages(call, ONCE), page("a", cursor="1"), page("b", cursor="1"))
    assert isinstance(found, BadAnswerError)
    assert len(given) == 2
    found, _, _ = play(pages(call, ONCE), page("a", cursor="x" * 6_001))
    assert isinstance(found, BadAnswerError)


def test_a_page_is_asked_for_when_it_is_needed() -> None:
    flow = pages(get("/x", model(Paged[SecretOut]), {"limit": 2}), ONCE)
    first = next(flow)
    assert isinstance(first, Open)
    assert first.request.query == (("limit", "2"),)
    assert isinstance(flow.send(Head(200, {})), Read)
    flow.send(page("a", cursor="next")[2])
    assert isinstance(flow.send(None), Give)
    second = flow.send(None)
    assert isinstance(second, Open)
    assert second.request.query == (("limit", "2"), ("cursor", "next"))


def test_lines_are_bounded_and_an_unfinished_one_is_told() -> None:
    request = Request("GET", "/lines")
    _, _, given = play(lines(request), (200, {}, b"one\ntwo\nthree"))
    assert given == ["one", "two", "three"]
    found, _, _ = play(lines(request), (200, {}, b"x" * (5 * 1024 * 1024)))
    assert isinstance(found, BadAnswerError)
    found, _, _ = play(lines(request), said(403, "forbidden"))
    assert isinstance(found, ClientError)
