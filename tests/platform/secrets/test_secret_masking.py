"""Masking: no form of a secret is left in a text, wherever it stands and however the text is cut."""

import base64
import copy
import json
import re
from collections.abc import Callable, Iterator
from itertools import groupby, pairwise
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from blockyard_platform.secrets.errors import SecretValueError
from blockyard_platform.secrets.forms import pieces_of
from blockyard_platform.secrets.masking import Masker, StreamMasker

# A secret with a star in it could be put together again by the mask itself.
SECRETS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="*"), min_size=4, max_size=40
).filter(lambda text: len(text.strip()) >= 4)
AROUND = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FEW = st.text("ab\n", min_size=1, max_size=7)
PEM = (
    "-----BEGIN PRIVATE KEY-----\n"
    + "\n".join(base64.b64encode(bytes([n] * 48)).decode() for n in range(65, 75))
    + "\n-----END PRIVATE KEY-----\n"
)


def streamed(masker: Masker, text: str, cuts: list[int]) -> tuple[str, int]:
    """Return what a stream gives of a text that is cut at these places, and the most that it has held back."""
    stream = StreamMasker(masker)
    given_away, taken, held = "", 0, 0
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    for start, end in pairwise(places):
        given_away += stream.feed(text[start:end])
        taken += end - start
        held = max(held, int(re.findall(r"\d+", repr(stream))[0]))
    return given_away + stream.end(), held


def by_hand(secrets: list[str], text: str) -> str:
    """Mask in the simplest way: look for each piece at each place."""
    covered = [False] * len(text)
    for piece in {piece for secret in secrets for piece in pieces_of(secret)}:
        for at in range(len(text)):
            if text.startswith(piece, at):
                covered[at : at + len(piece)] = [True] * len(piece)
    runs = groupby(zip(covered, text, strict=True), key=lambda each: each[0])
    return "".join("***" if hidden else "".join(each for _, each in run) for hidden, run in runs)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("the password is hunter2!", "the password is ***!"),
        ("hunter2", "***"),
        ("hunter2 hunter2", "*** ***"),
        ("hunter2hunter2", "***"),
        ("hunter", "hunter"),
        ("Hunter2", "Hunter2"),
        ("", ""),
        ("aHVudGVyMg==", "***"),
        ("aHVudGVyMg", "***"),
        ("user:aHVudGVyMg==;", "user:***;"),
        ("68756e74657232 68756E74657232", "*** ***"),
        ("%68%75%6e%74%65%72%32 %68%75%6E%74%65%72%32", "*** ***"),
    ],
)
def test_the_forms_of_a_simple_value(text: str, masked: str) -> None:
    assert Masker(["hunter2"]).mask(text) == masked


@pytest.mark.parametrize(
    "form",
    [
        "p/ä s+\"w'",
        "p%2F%C3%A4%20s%2B%22w%27", "p%2f%c3%a4%20s%2b%22w%27", "p/%C3%A4%20s%2B%22w%27", "p/%C3%A4%20s+%22w'",
        "p%2F%C3%A4%20s%2B%22w'", "p%2F%C3%A4+s%2B%22w%27", "p%2f%c3%a4+s%2b%22w%27",
        "p/\\u00e4 s+\\\"w'", "p/\\u00E4 s+\\\"w'", "p\\/ä s+\\\"w'", "p\\/\\u00e4 s+\\\"w'", "p/ä s+\\\"w\\u0027",
        "p/\\u00E4 s\\u002B\\u0022w\\u0027",
        "p/ä s+\"w\\'", "p/\\xe4 s+\"w\\'", "p/\\xc3\\xa4 s+\"w\\'", "p/\\xc3\\xa4 s+\"w'",
        "cC/DpCBzKyJ3Jw==", "cC_DpCBzKyJ3Jw", "702fc3a420732b227727", "702FC3A420732B227727",
    ],
)  # fmt: skip
def test_the_forms_of_a_value_with_special_characters(form: str) -> None:
    assert Masker(["p/ä s+\"w'"]).mask(f"<{form}>") == "<***>"


def test_base64_inside_of_more() -> None:
    masker = Masker(["hunter2"])
    # The letters at the edges hold bits of what is around, too.
    assert masker.mask(base64.b64encode(b"user:hunter2\n").decode()) == "dXNlcjp***Cg=="
    assert masker.mask(base64.b64encode(b"root:hunter2").decode()) == "cm9vdDp***"
    assert masker.mask(base64.b64encode(b"me:hunter2 is it").decode()) == "bWU6***iBpcyBpdA=="


def test_short_values_are_masked_as_they_are_only() -> None:
    assert Masker(["ab"]).mask("ab cab YWI= 6162 %61%62 abab") == "*** c*** YWI= 6162 %61%62 ***"
    assert Masker(["abcd"]).mask("YWJjZA== 61626364") == "*** ***"


@pytest.mark.parametrize("value", ["", " ", "\n", " \t\n"])
def test_blank_values_mask_nothing(value: str) -> None:
    masker = Masker([value])
    assert masker.mask("a b\n \t\n") == "a b\n \t\n"
    assert masker.longest == 0


def test_space_around_a_value_is_no_part_of_it() -> None:
    assert Masker(["token7\n"]).mask("<token7>") == "<***>"
    assert Masker(["abc\n"]).mask("<abc>") == "<***>"


def test_overlapping_values_are_masked_altogether() -> None:
    assert Masker(["abcdef", "defghi"]).mask("_abcdefghi_") == "_***_"
    assert Masker(["abcd", "abcdefgh"]).mask("_abcdefgh_abcdef_") == "_***_***ef_"
    assert Masker(["cdef", "abcdefgh"]).mask("_abcdefg_") == "_ab***g_"
    assert Masker(["aaaa"]).mask("aaaaaa aaa") == "*** aaa"


def test_lines_are_masked_one_by_one() -> None:
    masker = Masker([PEM])
    assert masker.mask(f"<{PEM}>") == "<***>"
    logged = "\n".join(f"12:00 {line}" for line in PEM.splitlines())
    assert masker.mask(logged) == "\n".join(["12:00 ***"] * 12)
    assert masker.mask(PEM.replace("\n", "\r\n")) == "***\r\n" * 12
    assert masker.mask(json.dumps({"key": PEM})) == '{"key": "***"}'
    assert masker.mask("BEGIN } {") == "BEGIN } {"
    assert Masker(['{\n "key": "x"\n}']).mask("a = {\n}") == "a = {\n}"


@pytest.mark.parametrize(("width", "lines"), [(76, 13), (64, 15)])
def test_wrapped_base64(width: int, lines: int) -> None:
    text = base64.b64encode(PEM.encode()).decode()
    wrapped = [text[at : at + width] for at in range(0, len(text), width)]
    assert len(wrapped) == lines
    assert Masker([PEM]).mask("\n".join(wrapped)) == "***"
    assert Masker([PEM]).mask("\n  ".join(wrapped)) == "\n  ".join(["***"] * lines)


def test_a_part_of_a_long_value_is_masked_too() -> None:
    value = base64.b64encode(bytes(range(200))).decode()
    assert Masker([value]).mask(value[:128]) == "***"
    assert Masker([value]).mask(value[:100]) == "***" + value[64:100]
    assert Masker([value]).longest == 64


def test_too_much_to_mask_is_refused() -> None:
    message = "more than 131072 bytes or 2000 lines together"
    with pytest.raises(SecretValueError, match=message):
        Masker(["é" * 50_000, "b" * 40_000])
    with pytest.raises(SecretValueError, match=message):
        Masker(["a\n" * 1_500, "b\n" * 501])
    assert Masker(["a" * 100_000] * 2).mask("x" + "a" * 100_000) == "x***"


def test_a_masker_shows_no_value() -> None:
    masker = Masker(["hunter2"])
    stream = StreamMasker(masker)
    assert stream.feed("hunter") == ""
    assert re.fullmatch(r"Masker\(\d+ pieces\)", repr(masker))
    assert repr(stream) == "StreamMasker(6 characters held back)"


@given(st.lists(FEW, max_size=5), st.text("ab\nc", max_size=40))
@example(["a" * 4 + "b", "a" * 6 + "b"], "a" * 9 + "b" + "a" * 5)
def test_masking_is_what_looking_everywhere_finds(secrets: list[str], text: str) -> None:
    assert Masker(secrets).mask(text) == by_hand(secrets, text)


@given(SECRETS, AROUND, AROUND)
@settings(deadline=None)
def test_masking_of_any_text_is_what_looking_everywhere_finds(
    secret: str, before: str, after: str
) -> None:
    text = before + secret + after + quote(secret) + before + repr(secret)
    assert Masker([secret]).mask(text) == by_hand([secret], text)


@given(
    st.lists(FEW, max_size=5), st.text("ab\nc", max_size=60), st.lists(st.integers(0, 60), max_size=20)
)  # fmt: skip
def test_a_stream_gives_what_the_whole_gives(
    secrets: list[str], text: str, cuts: list[int]
) -> None:
    masker = Masker(secrets)
    found, held = streamed(masker, text, cuts)
    assert found == masker.mask(text)
    assert held <= max(0, masker.longest - 1)


@given(SECRETS, AROUND, st.lists(st.integers(0, 10_000), max_size=60))
@settings(deadline=None, max_examples=60)
def test_a_stream_of_all_forms_gives_what_the_whole_gives(
    secret: str, around: str, cuts: list[int]
) -> None:
    masker = Masker([secret, PEM])
    forms = (encode(f"{around}{secret}{around}") for encode, _ in CODINGS.values())
    text = around.join([*forms, PEM, secret])
    found, held = streamed(masker, text, cuts)
    assert found == masker.mask(text)
    assert held <= masker.longest - 1
    assert streamed(masker, text, list(range(len(text))))[0] == found


def test_a_stream_waits_only_for_what_may_be_a_secret() -> None:
    stream = StreamMasker(Masker(["hunter2"]))
    assert stream.feed("a line\n") == "a line\n"
    assert stream.feed("the hun") == "the "
    assert stream.feed("ter2, and hunt") == "***, and "
    assert stream.feed("ing") == "hunting"
    assert stream.feed("hunter2") == "***"
    assert stream.feed("hunter2") == ""
    assert stream.feed("!hunter") == "!"
    assert stream.end() == "hunter"
    assert stream.end() == ""
    assert stream.feed("2hunter2") == "2***"


def test_a_stream_without_secrets_gives_all_at_once() -> None:
    stream = StreamMasker(Masker([]))
    assert stream.feed("anything") == "anything"
    assert stream.feed("") == ""
    assert stream.end() == ""


# --- No form survives ---------------------------------------------------------


def from_base64(text: str) -> Iterator[bytes]:
    for part in re.findall("[A-Za-z0-9+/_-]+", text):
        for skip in range(4):
            letters = part[skip:].translate(str.maketrans("-_", "+/"))
            letters = letters[: len(letters) - (len(letters) % 4 == 1)]
            yield base64.b64decode(letters + "=" * (-len(letters) % 4))


def from_hex(text: str) -> Iterator[bytes]:
    for part in re.findall("[0-9a-fA-F]+", text):
        for skip in range(2):
            digits = part[skip:]
            yield bytes.fromhex(digits[: len(digits) // 2 * 2])


def from_percent(text: str) -> Iterator[bytes]:
    yield unquote(text, errors="surrogateescape").encode("utf-8", "surrogateescape")
    yield unquote_plus(text, errors="surrogateescape").encode("utf-8", "surrogateescape")


def from_escapes(text: str) -> Iterator[bytes]:
    named = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}

    def plain(found: re.Match[str]) -> str:
        body = found[0][1:]
        if len(body) > 1 and int(body[1:], 16) < 0x110000:
            return chr(int(body[1:], 16))
        return named.get(body, body)

    pattern = r"\\(?:u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|.)"
    decoded = re.sub(pattern, plain, text)
    joined = decoded.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    yield joined.encode()
    # In the repr of bytes, \xNN are the bytes of UTF-8.
    yield b"".join(bytes([ord(each)]) if ord(each) < 256 else each.encode() for each in joined)


def as_is(text: str) -> Iterator[bytes]:
    yield text.encode()


def encoded64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def escaped_upper(text: str) -> str:
    return re.sub(
        r"\\u[0-9a-f]{4}|\\.", lambda found: "\\u" + found[0][2:].upper() if found[0][1] == "u" else found[0], json.dumps(text)
    )  # fmt: skip


Coding = tuple[Callable[[str], str], Callable[[str], Iterator[bytes]]]
CODINGS: dict[str, Coding] = {
    "plain": (str, as_is),
    "base64": (encoded64, from_base64),
    "base64, unpadded": (lambda text: encoded64(text).rstrip("="), from_base64),
    "base64, url-safe": (
        lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
        from_base64,
    ),
    "hex": (lambda text: text.encode().hex(), from_hex),
    "HEX": (lambda text: text.encode().hex().upper(), from_hex),
    "percent": (lambda text: quote(text, safe=""), from_percent),
    "percent, path": (quote, from_percent),
    "percent, component": (lambda text: quote(text, safe="!'()*"), from_percent),
    "percent, lower": (
        lambda text: re.sub("%..", lambda found: found[0].lower(), quote(text, safe="")),
        from_percent,
    ),
    "form": (quote_plus, from_percent),
    "JSON": (json.dumps, from_escapes),
    "JSON, upper": (escaped_upper, from_escapes),
    "JSON, not ASCII": (lambda text: json.dumps(text, ensure_ascii=False), from_escapes),
    "JSON, slashes": (lambda text: json.dumps(text).replace("/", "\\/"), from_escapes),
    "repr": (repr, from_escapes),
    "ascii": (ascii, from_escapes),
    "repr of bytes": (lambda text: repr(text.encode()), from_escapes),
}


@pytest.mark.parametrize("coding", CODINGS)
@given(secret=SECRETS, before=AROUND, after=AROUND)
@settings(deadline=None, max_examples=60)
def test_no_form_of_a_secret_is_left(coding: str, secret: str, before: str, after: str) -> None:
    encode, decode = CODINGS[coding]
    text = encode(before + secret + after)
    raw = secret.encode()
    assert any(raw in decoded for decoded in decode(text))
    masked = Masker([secret]).mask(text)
    assert not any(raw in decoded for decoded in decode(masked))
    assert "***" in masked


# --- Data ---------------------------------------------------------------------

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("abc", max_size=6),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text("abc", max_size=6), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def test_data_is_masked_in_keys_and_values() -> None:
    data = {
        "a": ["x hunter2", 1, None, True],
        "hunter2": {"deep": [["hunter2"]]},
        "b": {"no": ["secret"]},
    }
    before = copy.deepcopy(data)
    masked = Masker(["hunter2"]).mask_data(data)
    assert masked == {
        "a": ["x ***", 1, None, True],
        "***": {"deep": [["***"]]},
        "b": {"no": ["secret"]},
    }
    assert data == before
    assert masked["b"] is data["b"]


def test_keys_that_become_alike_are_numbered() -> None:
    found = Masker(["aaaa", "bbbb"]).mask_data({"aaaa": 1, "bbbb": 2, "***": 3, "c": 4})
    assert found == {"***": 1, "*** (2)": 2, "*** (3)": 3, "c": 4}


def test_many_keys_that_become_alike() -> None:
    keys = [f"{number:014b}".replace("0", "aaaa").replace("1", "bbbb") for number in range(10_000)]
    found = Masker(["aaaa", "bbbb"]).mask_data(dict.fromkeys(keys, 0))
    assert list(found) == ["***", *(f"*** ({number})" for number in range(2, 10_001))]


def test_a_number_that_is_a_secret_is_masked() -> None:
    masker = Masker(["12345678", "-2.5", "7"])
    assert masker.mask_data([12345678, -2.5, 7, 123456789, True, 10**5000]) == [
        "***", "***", 7, 123456789, True, 10**5000,
    ]  # fmt: skip


def test_data_that_is_nested_too_deep_is_masked_as_a_whole() -> None:
    deep: Any = "hunter2"
    for _ in range(100_000):
        deep = [deep]
    found = Masker(["hunter2"]).mask_data(deep)
    for _ in range(200):
        assert len(found) == 1
        found = found[0]
    assert found == "***"


@given(PLAIN)
def test_nothing_is_left_in_data(data: Any) -> None:
    before = copy.deepcopy(data)
    masker = Masker(["abca", "cc"])
    masked = masker.mask_data(data)
    text = json.dumps(masked)
    assert "abca" not in text
    assert "cc" not in text
    assert data == before
    if text == json.dumps(data):
        assert masked is data
