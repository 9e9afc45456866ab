"""Webhooks that come in: forged, replayed, late, large and odd requests."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockyard_platform.triggers.hooks_in import (
    Delivery,
    Reason,
    Refusal,
    Request,
    Rules,
    receive,
)
from blockyard_platform.triggers.replay import ReplayGuard
from blockyard_platform.triggers.signatures import is_signed, read_header, write_header

SECRET, OLD, OTHER = b"a secret of some length", b"the secret before this", b"one that is not ours"
NOW = 1_700_000_000
BODY = b'{"n": 1}'


def by_hand(secret: bytes, content: bytes) -> str:
    """Return the HMAC-SHA256 as RFC 2104 defines it, without the hmac module."""
    key = (hashlib.sha256(secret).digest() if len(secret) > 64 else secret).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(each ^ 0x36 for each in key) + content).digest()
    return hashlib.sha256(bytes(each ^ 0x5C for each in key) + inner).hexdigest()


def stamped(time: int = NOW, body: bytes = BODY, secret: bytes = SECRET) -> str:
    return f"t={time},v1={by_hand(secret, f'{time}.'.encode() + body)}"


def send(
    signature: str | None,
    body: bytes = BODY,
    *,
    now: float = NOW,
    rules: Rules | None = None,
    secrets: tuple[bytes, ...] = (SECRET,),
    guard: ReplayGuard | None = None,
    content_type: str = "application/json",
) -> Delivery | Refusal:
    request = Request(body, signature, content_type)
    return receive(request, rules or Rules(), secrets, guard or ReplayGuard(), now)


def reason(answer: Delivery | Refusal) -> Reason:
    assert isinstance(answer, Refusal)
    return answer.reason


def body_of(answer: Delivery | Refusal) -> Any:
    assert isinstance(answer, Delivery), answer
    return answer.body


def plain(guard: ReplayGuard) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(json.dumps(guard.state()))
    return state


GITHUB = Rules(style="github")


def test_a_vector_of_rfc_4231() -> None:
    """Case 6: a key longer than a block."""
    text = b"Test Using Larger Than Block-Size Key - Hash Key First"
    expected = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    assert by_hand(b"\xaa" * 131, text) == expected
    claim = read_header("github", f"sha256={expected}")
    assert claim is not None
    assert is_signed(claim, [b"\xaa" * 131], text)


def test_the_example_of_github() -> None:
    """From GitHub's page on validating webhook deliveries."""
    header = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    answer = send(header, b"Hello, World!", rules=GITHUB, content_type="text/plain",
                  secrets=(b"It's a Secret to Everybody",))  # fmt: skip
    assert body_of(answer) == "Hello, World!"


def test_what_is_signed_is_taken() -> None:
    assert body_of(send(stamped())) == {"n": 1}
    assert body_of(send(f"v0=x, v1={'0' * 64}, {stamped()}, zz")) == {"n": 1}
    assert body_of(send(f"sha256={by_hand(SECRET, BODY)}", rules=GITHUB)) == {"n": 1}
    assert write_header([SECRET], BODY, NOW) == stamped()


def test_secrets_rotate() -> None:
    both = (SECRET, OLD)
    assert body_of(send(stamped(secret=OLD), secrets=both)) == {"n": 1}
    assert body_of(send(stamped(secret=SECRET), secrets=both)) == {"n": 1}
    assert reason(send(stamped(secret=OTHER), secrets=both)) is Reason.BAD_SIGNATURE
    assert reason(send(stamped(secret=OLD))) is Reason.BAD_SIGNATURE
    assert body_of(send(write_header([OTHER, OLD], BODY, NOW), secrets=both)) == {"n": 1}


def test_what_was_changed_is_refused() -> None:
    assert reason(send(stamped(), b'{"n": 2}')) is Reason.BAD_SIGNATURE
    moved = stamped().replace(f"t={NOW}", f"t={NOW + 1}")
    assert reason(send(moved)) is Reason.BAD_SIGNATURE
    # The full stop between time and body cannot be moved: the time has digits only.
    shifted = f"t=1,v1={by_hand(SECRET, b'1.1.x')}"
    assert reason(send(shifted, b"1.x", content_type="text/plain")) is Reason.TOO_OLD
    assert reason(send(shifted.replace("t=1,", "t=1.1,"), b"x")) is Reason.BAD_HEADER


@pytest.mark.parametrize(
    "header",
    ["", "t=", f"t={NOW}", "v1=" + "0" * 64, f"t={NOW},v1=", f"t={NOW},v1=" + "0" * 63, f"t={NOW},v1=" + "A" * 64,
     f"t={NOW},t={NOW},v1=" + "0" * 64, "t=-1,v1=" + "0" * 64, "t=01,v1=" + "0" * 64, "t=1e9,v1=" + "0" * 64,
     "t=1" + "0" * 12 + ",v1=" + "0" * 64, "t=\u0663,v1=" + "0" * 64, f"t={NOW}" + (",v1=" + "0" * 64) * 9,
     "sha256=" + "0" * 64, f"t={NOW},v1={'0' * 64}," + "x" * 2_000],
)  # fmt: skip
def test_headers_that_are_malformed(header: str) -> None:
    assert reason(send(header)) is Reason.BAD_HEADER


@pytest.mark.parametrize(
    "header",
    ["", "sha256=", "sha1=" + "0" * 40, "sha256=" + "0" * 65, "SHA256=" + "0" * 64, stamped()],
)
def test_headers_that_are_not_githubs(header: str) -> None:
    assert reason(send(header, rules=GITHUB)) is Reason.BAD_HEADER


def test_no_signature_and_no_secret() -> None:
    assert reason(send(None)) is Reason.NO_SIGNATURE
    assert reason(send(stamped(), secrets=())) is Reason.NO_SECRET
    with pytest.raises(ValueError, match="at least 16 bytes"):
        send(stamped(secret=b"short"), secrets=(b"short",))


def test_clocks_may_differ_by_the_window() -> None:
    for skew in (-300, -299, 0, 299, 300):
        assert body_of(send(stamped(NOW + skew))) == {"n": 1}
    assert reason(send(stamped(NOW - 301))) is Reason.TOO_OLD
    assert reason(send(stamped(NOW + 301))) is Reason.TOO_NEW
    assert reason(send(stamped(NOW - 11), rules=Rules(window=10))) is Reason.TOO_OLD
    assert reason(send(stamped(), now=NOW + 300.5)) is Reason.TOO_OLD


def test_who_has_no_secret_does_not_learn_of_the_time() -> None:
    assert reason(send(stamped(NOW - 9_999, secret=OTHER))) is Reason.BAD_SIGNATURE
    assert reason(send(stamped(secret=OTHER), content_type="a/b")) is Reason.BAD_SIGNATURE


def test_a_delivery_comes_once() -> None:
    guard = ReplayGuard()
    assert body_of(send(stamped(), guard=guard)) == {"n": 1}
    assert reason(send(stamped(), guard=guard)) is Reason.REPLAYED
    # Neither another header for the same content, nor another valid secret, makes it new.
    assert reason(send("a=b," + stamped(), guard=guard)) is Reason.REPLAYED
    again = write_header([OLD, SECRET], BODY, NOW)
    assert reason(send(again, guard=guard, secrets=(OLD, SECRET))) is Reason.REPLAYED
    assert body_of(send(stamped(NOW + 1), guard=guard)) == {"n": 1}


def test_a_delivery_from_the_future_is_remembered_as_long_as_it_could_come() -> None:
    guard = ReplayGuard()
    ahead = stamped(NOW + 300)
    assert body_of(send(ahead, guard=guard)) == {"n": 1}
    for later in (1, 301, 599, 600):
        assert reason(send(ahead, guard=guard, now=NOW + later)) is Reason.REPLAYED
    assert reason(send(ahead, guard=guard, now=NOW + 601)) is Reason.TOO_OLD


def test_a_clock_that_is_put_back_brings_nothing_back() -> None:
    guard = ReplayGuard()
    assert body_of(send(stamped(), guard=guard)) == {"n": 1}
    assert body_of(send(stamped(NOW + 400), guard=guard, now=NOW + 400)) == {"n": 1}
    assert list(plain(guard)["seen"].values()) == [NOW + 700]
    assert reason(send(stamped(), guard=guard)) is Reason.REPLAYED


def test_githubs_style_is_remembered_by_its_body() -> None:
    guard, header = ReplayGuard(), f"sha256={by_hand(SECRET, BODY)}"
    assert body_of(send(header, guard=guard, rules=GITHUB)) == {"n": 1}
    assert reason(send(header, guard=guard, rules=GITHUB, now=NOW + 86_400)) is Reason.REPLAYED
    assert body_of(send(header, guard=guard, rules=GITHUB, now=NOW + 86_401)) == {"n": 1}


def test_a_guard_is_bounded_and_never_forgets_too_early() -> None:
    guard = ReplayGuard(most=2)
    assert body_of(send(stamped(NOW), guard=guard)) == {"n": 1}
    assert body_of(send(stamped(NOW + 1), guard=guard)) == {"n": 1}
    assert reason(send(stamped(NOW + 2), guard=guard)) is Reason.TOO_MANY
    assert reason(send(stamped(NOW), guard=guard)) is Reason.REPLAYED
    assert reason(send(stamped(NOW + 3, secret=OTHER), guard=guard)) is Reason.BAD_SIGNATURE
    assert body_of(send(stamped(NOW + 301), guard=guard, now=NOW + 301)) == {"n": 1}


def test_the_state_of_a_guard_is_plain_data() -> None:
    guard = ReplayGuard()
    send(stamped(), guard=guard)
    state = plain(guard)
    assert reason(send(stamped(), guard=ReplayGuard(state=state))) is Reason.REPLAYED
    key = hashlib.sha256(f"{NOW}.".encode() + BODY).hexdigest()
    assert state == {"horizon": NOW, "seen": {key: NOW + 300}}
    wrong_states: list[dict[str, Any]] = [
        {}, {"horizon": "1", "seen": {}}, {"horizon": 1, "seen": {"a": None}}, {"horizon": 1, "seen": []},
    ]  # fmt: skip
    for wrong in wrong_states:
        with pytest.raises(ValueError, match="the state of a replay guard"):
            ReplayGuard(state=wrong)
    with pytest.raises(ValueError, match="at least one"):
        ReplayGuard(most=0)


def test_a_refused_delivery_may_be_mended() -> None:
    guard = ReplayGuard()
    assert reason(send(stamped(), guard=guard, content_type="a/b")) is Reason.BAD_TYPE
    assert body_of(send(stamped(), guard=guard)) == {"n": 1}


def test_a_large_body_is_not_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = Rules(most_bytes=8)
    assert body_of(send(stamped(), rules=rules)) == {"n": 1}
    monkeypatch.setattr("blockyard_platform.triggers.hooks_in.is_signed", None)
    assert reason(send(stamped(), BODY + b" ", rules=rules)) is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("content_type", "body", "data"),
    [
        ("application/json; charset=UTF-8", b"[1, null]", [1, None]),
        ("application/vnd.github+json", b'"x"', "x"),
        ("Application/JSON", b"true", True),
        ("application/x-www-form-urlencoded", b"a=1&b=%C3%A9+x&a=2&c=", {"a": ["1", "2"], "b": "\xe9 x", "c": ""}),
        ("application/x-www-form-urlencoded", b"", {}),
        ('text/plain; charset="utf-8"', "\xe9".encode(), "\xe9"),
        ("text/plain", b"", ""),
    ],
)  # fmt: skip
def test_bodies(content_type: str, body: bytes, data: Any) -> None:
    assert body_of(send(stamped(body=body), body, content_type=content_type)) == data


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b""), ("application/json", b"{"), ("application/json", b"NaN"),
        ("application/json", b'{"a": 1, "a": 2}'), ("application/json", b"[" * 5_000), ("application/json", b"\xff"),
        ("application/json", b"9" * 5_000), ("application/json", b"a: yaml"), ("application/json", b'"\\ud800"'),
        ("application/x-www-form-urlencoded", b"a"), ("application/x-www-form-urlencoded", b"a=%FF"),
        ("application/x-www-form-urlencoded", b"a=%00"), ("application/x-www-form-urlencoded", b"a=1&" * 1_001 + b"a=1"),
        ("text/plain", b"\xff"), ("text/plain", b"a\x00b"),
    ],
)  # fmt: skip
def test_bodies_that_are_not_of_their_type(content_type: str, body: bytes) -> None:
    answer = send(stamped(body=body), body, content_type=content_type)
    assert reason(answer) is Reason.BAD_BODY


@pytest.mark.parametrize(
    "content_type",
    ["", "text/html", "application/xml", "multipart/form-data; boundary=x", "application/json; charset=utf-16",
     "text/plain; charset=utf-7", "json", "application/json" + " " * 300],
)  # fmt: skip
def test_types_that_are_not_taken(content_type: str) -> None:
    assert reason(send(stamped(), content_type=content_type)) is Reason.BAD_TYPE


def test_the_sender_learns_nothing_of_the_reason() -> None:
    refusals = [Refusal(each) for each in Reason]
    assert {refusal.public for refusal in refusals} == {"the request was not accepted"}
    assert len({refusal.reason.value for refusal in refusals}) == len(refusals)
    before = [Reason.NO_SIGNATURE, Reason.BAD_HEADER, Reason.NO_SECRET, Reason.BAD_SIGNATURE, Reason.TOO_OLD,
              Reason.TOO_NEW, Reason.REPLAYED]  # fmt: skip
    assert {Refusal(each).status for each in before} == {401}


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=200),
    st.binary(max_size=200),
    st.text(max_size=60),
    st.sampled_from(["timestamped", "github"]),
)
def test_nothing_forged_is_taken(header: str, body: bytes, content_type: str, style: Any) -> None:
    answer = send(header, body, content_type=content_type, rules=Rules(style=style))
    assert reason(answer) in (Reason.BAD_HEADER, Reason.BAD_SIGNATURE)


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/plain"]),
)
def test_whatever_is_signed_is_read_or_refused(body: bytes, content_type: str) -> None:
    answer = send(stamped(body=body), body, content_type=content_type)
    assert isinstance(answer, Delivery) or answer.reason is Reason.BAD_BODY
