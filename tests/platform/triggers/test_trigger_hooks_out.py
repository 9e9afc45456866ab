"""Webhooks that go out."""

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_platform.triggers.hooks_in import Delivery, Request, Rules, receive
from blockyard_platform.triggers.hooks_out import (
    DELIVERY,
    SIGNATURE,
    Backoff,
    Next,
    after,
    is_retried,
    signed_headers,
    wait,
)
from blockyard_platform.triggers.replay import ReplayGuard

SECRET, NEW = b"a secret of some length", b"the secret after that"
BODY = b'{"run": "r-1"}'


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  (the same numbers each time; no secret)


def test_headers_are_those_that_hooks_in_take() -> None:
    headers = signed_headers(BODY, [SECRET, NEW], "d-1", 1_700_000_000.9)
    assert headers.keys() == {"Content-Type", SIGNATURE, DELIVERY}
    assert headers[DELIVERY] == "d-1"
    assert headers[SIGNATURE].startswith("t=1700000000,v1=")
    for secret in (SECRET, NEW):
        request = Request(BODY, headers[SIGNATURE], headers["Content-Type"])
        answer = receive(request, Rules(), [secret], ReplayGuard(), 1_700_000_100)
        assert isinstance(answer, Delivery)
        assert answer.body == {"run": "r-1"}


@pytest.mark.parametrize(
    "call",
    [
        lambda: signed_headers(BODY, [SECRET], "a\r\nX: y", 1e9),
        lambda: signed_headers(BODY, [SECRET], "", 1e9),
        lambda: signed_headers(BODY, [SECRET], "d", 1e9, "a/b\r\nX: y"),
        lambda: signed_headers(BODY, [], "d", 1e9),
        lambda: signed_headers(BODY, [b"short"], "d", 1e9),
        lambda: signed_headers(BODY, [SECRET], "d", 0),
        lambda: wait(Backoff(), 0, seeded(1)),
        lambda: after(Backoff(), 1, 600, 0, seeded(1)),
        lambda: Backoff(attempts=0),
        lambda: Backoff(base=0),
        lambda: Backoff(factor=0.5),
        lambda: Backoff(longest=math.inf),
        lambda: Backoff(base=10, longest=5),
        lambda: Backoff(give_up=math.nan),
    ],
)
def test_what_is_refused(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        call()


def test_waits_are_a_random_part_of_what_grows() -> None:
    backoff = Backoff(base=2, factor=3, longest=50)
    for attempt, whole in ((1, 2.0), (2, 6.0), (3, 18.0), (4, 50.0), (5, 50.0), (10**6, 50.0)):
        assert wait(backoff, attempt, seeded(7)) == seeded(7).uniform(0, whole)
    assert wait(Backoff(base=5, factor=1), 10**9, seeded(7)) <= 5


@given(st.integers(1, 10**9), st.integers(0, 1000), st.floats(0.1, 100), st.floats(1, 100))
def test_no_wait_is_longer_than_the_longest(
    attempt: int, seed: int, base: float, factor: float
) -> None:
    backoff = Backoff(base=base, factor=factor, longest=1000)
    assert 0 <= wait(backoff, attempt, seeded(seed)) <= 1000


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_done(status: int) -> None:
    assert after(Backoff(), 8, status, 1e9, seeded(1)) == Next("done")


@pytest.mark.parametrize(
    "status", [100, 301, 302, 307, 400, 401, 403, 404, 405, 413, 422, 501, 505]
)
def test_what_will_not_get_better_is_given_up(status: int) -> None:
    assert not is_retried(status)
    assert after(Backoff(), 1, status, 0, seeded(1)) == Next("give-up")


def test_who_is_gone_wants_no_more() -> None:
    assert after(Backoff(), 1, 410, 0, seeded(1)) == Next("give-up", gone=True)


@pytest.mark.parametrize("status", [None, 408, 425, 429, 500, 502, 503, 504])
def test_what_may_get_better_is_tried_again(status: int | None) -> None:
    found = after(Backoff(), 2, status, 10, seeded(3))
    assert found == Next("retry", seeded(3).uniform(0, 20))


def test_it_ends() -> None:
    backoff = Backoff(attempts=3, base=10, factor=1, give_up=100)
    assert after(backoff, 2, 500, 0, seeded(1)).action == "retry"
    assert after(backoff, 3, 500, 0, seeded(1)) == Next("give-up")
    assert after(backoff, 1, 500, 100, seeded(1)) == Next("give-up")


@pytest.mark.parametrize(
    ("header", "least"),
    [("30", 30.0), (" 30 ", 30.0), ("999999999", 100.0), ("-1", 0.0), ("1e9", 0.0), ("\u0663", 0.0),
     ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0), ("9" * 400, 0.0)],
)  # fmt: skip
def test_retry_after_is_followed_within_bounds(header: str, least: float) -> None:
    backoff = Backoff(base=1, longest=100, attempts=5)
    found = after(backoff, 1, 429, 0, seeded(2), header)
    assert found == Next("retry", max(least, seeded(2).uniform(0, 1)))
