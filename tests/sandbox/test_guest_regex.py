"""The facade of regular expressions gives what Python's own module gives, where RE2 can."""

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_sandbox.guest.facades import regex
from blockyard_sandbox.guest.facades.regex_syntax import FLAGS, RegexError

PATTERNS = [
    "a*",
    "a+b?",
    "(a)|(b)",
    "(?P<first>a+)(?P<rest>.*)",
    r"\w+",
    r"\W+",
    r"\d{2,}",
    r"\s+",
    r"\S+",
    r"[\w.-]+@[\w-]+",
    r"[\W_]+",
    r"[^\W\d_]+",
    r"[\s\S]",
    r"[^\S\n]+",
    r"[]a]",
    r"[^]a]",
    r"[a\]b[]",
    "^a",
    "b$",
    r"\Aa|b\Z",
    "(?i)AB",
    "(?im)^b$",
    "(?s)a.b",
    "x|",
    "",
    r"(?x) a  b # note",
    r"(?:ab){1,2}?",
    r"a(?#note)b",
    r"\x41|\u00e9|\t",
    "é",
    "[à-ü]",
]
TEXTS = st.text(st.sampled_from("aabbAB12_ \t.-@éÉüß٣ 中]["), max_size=12)


def _of(match: Any) -> Any:
    if match is None:
        return None
    return match.span(), match.group(), match.groups(), match.groupdict(), match.lastindex


@pytest.mark.parametrize("pattern", PATTERNS)
@given(text=TEXTS)
def test_same_as_python(pattern: str, text: str) -> None:
    assert _of(regex.search(pattern, text)) == _of(re.search(pattern, text))
    assert _of(regex.match(pattern, text)) == _of(re.match(pattern, text))
    assert _of(regex.fullmatch(pattern, text)) == _of(re.fullmatch(pattern, text))
    assert regex.findall(pattern, text) == re.findall(pattern, text)
    assert regex.split(pattern, text) == re.split(pattern, text)
    assert regex.split(pattern, text, 1) == re.split(pattern, text, maxsplit=1)
    assert regex.subn(pattern, r"<\g<0>>", text) == re.subn(pattern, r"<\g<0>>", text)
    assert regex.sub(pattern, lambda m: m[0].upper(), text, 1) == re.sub(
        pattern, lambda m: m[0].upper(), text, count=1
    )
    found = [_of(match) for match in regex.finditer(pattern, text)]
    assert found == [_of(match) for match in re.finditer(pattern, text)]


@pytest.mark.parametrize(
    "pattern", [r"\w", r"\W", r"\d", r"\D", r"\s", r"\S", r"[\W]", r"[\S]", r"[^\W]"]
)
def test_classes_know_unicode(pattern: str) -> None:
    """Compare every assigned character of the first plane; the two know slightly different Unicode versions."""
    text = "".join(
        chr(code) for code in range(0x10000) if unicodedata.category(chr(code)) not in {"Cn", "Cs"}
    )
    differences = set(regex.findall(pattern, text)) ^ set(re.findall(pattern, text))
    assert len(differences) < 20
    assert not [character for character in differences if ord(character) < 0x250]


@pytest.mark.parametrize("text", ["a.b", "a b#c", "é-ü", "$^{}[]()|?*+\\", "\n\t"])
def test_escape(text: str) -> None:
    assert regex.escape(text) == re.escape(text)
    assert regex.fullmatch(regex.escape(text), text) is not None


@pytest.mark.parametrize(
    ("template", "expected"),
    [(r"\2-\1", "b-a"), (r"\g<two>", "b"), (r"\g<1>0", "a0"), (r"\\1\n", "\\1\n"), ("x", "x")],
)
def test_templates(template: str, expected: str) -> None:
    pattern = r"(a)(?P<two>b)"
    assert regex.sub(pattern, template, "ab") == expected == re.sub(pattern, template, "ab")
    found = regex.match(pattern, "ab")
    assert found is not None
    assert found.expand(template) == expected


def test_bytes() -> None:
    assert regex.findall(rb"\w+", b"ab \xe9 c") == re.findall(rb"\w+", b"ab \xe9 c")
    assert regex.sub(b"a", b"x", b"banana") == b"bxnxnx"
    with pytest.raises(TypeError, match="expected str"):
        regex.search("a", b"a")


def test_pattern_objects() -> None:
    pattern = regex.compile_pattern(r"(?P<k>\w)=(\d)", FLAGS["IGNORECASE"])
    assert (pattern.groups, dict(pattern.groupindex)) == (2, {"k": 1})
    assert pattern.flags & re.IGNORECASE.value
    found = pattern.search("..a=1..", 2)
    assert found is not None
    assert (found.pos, found.string, found.start("k"), found["k"], found.end(2)) == (
        2,
        "..a=1..",
        2,
        "a",
        5,
    )
    assert regex.compile_pattern(pattern) is pattern
    with pytest.raises(IndexError, match="no such group"):
        found.group("nope")


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"(a)\1", "backreferences"),
        ("(?P<a>x)(?P=a)", "backreferences"),
        ("a(?=b)", "look-ahead"),
        ("a(?!b)", "look-ahead"),
        ("(?<=a)b", "look-behind"),
        ("(?<!a)b", "look-behind"),
        ("(?>a)", "atomic"),
        ("(a)?(?(1)b)", "conditional"),
        ("(", "missing"),
        ("[a", "unterminated"),
        ("a{1001}", "repetition"),
        ("\\", "bad escape"),
        (r"\u12", "incomplete"),
    ],
)
def test_what_cannot_be_used_says_why(pattern: str, words: str) -> None:
    with pytest.raises(RegexError) as caught:
        regex.compile_pattern(pattern)
    assert words in str(caught.value)


def test_time_is_linear() -> None:
    assert regex.match("(a+)+$", "a" * 50_000 + "b") is None
    assert regex.search("(x+x+)+y", "x" * 20_000) is None
