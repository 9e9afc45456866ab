"""Frames: what is strict JSON of the right size passes, everything else is refused before it does harm."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_sandbox.answers import answer_of, log_of
from blockyard_sandbox.errors import ProtocolError
from blockyard_sandbox.frames import FrameReader, decode, encode
from blockyard_schemas.statuses import Code

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), plain), st.integers(1, 50))
def test_a_frame_comes_back_however_it_is_cut(content: dict[str, Any], size: int) -> None:
    frame = encode(content)
    reader = FrameReader()
    found: list[bytes] = []
    for start in range(0, len(frame), size):
        found += reader.feed(frame[start : start + size], 1 << 20)
    assert [decode(body) for body in found] == [content]
    assert reader.rest == 0


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    try:
        content: Any = decode(body)
    except ProtocolError:
        return
    assert isinstance(content, dict)


def test_a_long_frame_is_refused_by_its_head() -> None:
    with pytest.raises(ProtocolError, match="a frame of 4294967295 bytes, where 100 are allowed"):
        list(FrameReader().feed(b"\xff\xff\xff\xff", 100))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"a": NaN}', "the number NaN"),
        (b'{"a": -Infinity}', "the number -Infinity"),
        (b'{"a": 1e999}', "beyond all bounds"),
        (b'{"a": 1, "a": 2}', "there twice"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}", "nested deeper"),
        (b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "not JSON"),
        (b"[1]", "no object"),
        (b"\xff", "not JSON"),
        (b"", "not JSON"),
    ],
)
def test_a_bad_body_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        decode(body)


def test_answers_and_logs_are_told_apart() -> None:
    assert log_of({"id": 1, "log": "x"}) == "x"
    assert log_of({"id": 1, "value": 2}) is None
    assert answer_of({"id": 1, "value": 2}, 0.5).value == 2
    failure = answer_of(
        {"id": 1, "error": {"code": "INVALID_TYPE", "message": "m", "line": 3, "text": "t"}}, 0.0
    ).error
    assert failure is not None
    assert (failure.code, failure.message, failure.line, failure.text) == (
        Code.INVALID_TYPE,
        "m",
        3,
        "t",
    )


@pytest.mark.parametrize(
    "content",
    [
        {"id": 1},
        {"id": 1, "value": 1, "error": None},
        {"id": 1, "error": "text"},
        {"id": 1, "error": {"code": "DONE", "message": "", "line": None, "text": None}},
        {"id": 1, "error": {"code": "TIMEOUT", "message": "", "line": None, "text": None}},
        {"id": 1, "error": {"code": "INVALID_TYPE", "message": "", "line": True, "text": None}},
        {"id": 1, "error": {"code": "INVALID_TYPE", "message": 1, "line": None, "text": None}},
        {"id": 1, "error": {"code": "INVALID_TYPE", "message": "", "line": None}},
    ],
)
def test_an_answer_of_another_form_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        answer_of(content, 0.0)
