"""Texts to plain data, and where everything stands."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from blockyard_schemas.plain import is_list, is_mapping
from blockyard_schemas.problems import InvalidDocumentError, Problem
from blockyard_schemas.reader import ReadLimits, from_data, read

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=20)
PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=25,
)


def problems(text: str | bytes, **options: Any) -> list[Problem]:
    """Return the problems of a text that cannot be read."""
    with pytest.raises(InvalidDocumentError) as caught:
        read(text, **options)
    return list(caught.value.problems)


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal and of the same types all the way down."""
    if type(left) is not type(right):
        return False
    if is_list(left):
        return len(left) == len(right) and all(map(same, left, right))
    if is_mapping(left):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("null", None),
        ("~", None),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T06:00:00Z", "2026-01-31T06:00:00Z"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("0b1", "0b1"),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("-0x1F", "-0x1F"),
        ("+3", 3),
        ("-7", -7),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.5.2", "1.5.2"),
        ("-", ["?"]),
        ("'3'", "3"),
        ('"3"', "3"),
        ("!!str 3", "3"),
        ("! 3", "3"),
        ("!!float 3", 3.0),
        ("!!int '3'", 3),
        ("!!null ''", None),
        ("!!map {}", {}),
        ("!!seq []", []),
        ("=", "="),
        ("${{ params.x }}", "${{ params.x }}"),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: Any) -> None:
    if value == ["?"]:
        assert read("a:\n-").data == {"a": [None]}
        return
    got = read(f"a: {text}").data["a"]
    assert same(got, value)


def test_keys_stay_text() -> None:
    assert read("on: 1\nyes: 2\n'1': 3\n'<<': 4\n").data == {"on": 1, "yes": 2, "1": 3, "<<": 4}


def test_an_alias_stands_for_the_same_value() -> None:
    data = read("a: &x [1, 2]\nb: *x\nc: &y hi\nd: *y\n").data
    assert data == {"a": [1, 2], "b": [1, 2], "c": "hi", "d": "hi"}


def test_an_anchor_may_be_set_again() -> None:
    assert read("[&a 1, *a, &a 2, *a]", syntax="yaml").data == [1, 1, 2, 2]


@given(PLAIN)
def test_json_is_read_as_it_was_written(value: Any) -> None:
    assert same(read(json.dumps(value), syntax="json").data, value)


@given(st.dictionaries(TEXT, PLAIN, max_size=4) | st.lists(PLAIN, max_size=4))
def test_json_is_told_from_yaml_by_its_beginning(value: Any) -> None:
    assert same(read(json.dumps(value, indent=2)).data, value)


@given(PLAIN)
def test_yaml_is_read_as_it_was_written(value: Any) -> None:
    text = yaml.safe_dump(value, default_style='"', sort_keys=False)
    assert same(read(text, syntax="yaml").data, value)


@given(PLAIN)
def test_data_built_in_python_is_copied(value: Any) -> None:
    copy = from_data(value)
    assert same(copy.data, value)
    assert copy.locate("") is None
    if isinstance(value, list | dict):
        assert copy.data is not value


def test_tuples_become_lists_and_what_is_not_plain_is_named() -> None:
    assert from_data({"a": (1, "x")}).data == {"a": [1, "x"]}
    with pytest.raises(InvalidDocumentError) as caught:
        from_data({"a": [{1, 2}], 3: "x", "n": float("nan"), "t": "\x00", "h": 10**400})
    assert [(it.rule, it.pointer) for it in caught.value.problems] == [
        ("type", "/a/0"),
        ("key", ""),
        ("number", "/n"),
        ("character", "/t"),
        ("number", "/h"),
    ]


def test_data_that_holds_itself_is_a_problem() -> None:
    loop: list[Any] = []
    loop.append(loop)
    shared: Any = "x"
    for _ in range(30):
        shared = [shared, shared]
    for value in (loop, shared):
        with pytest.raises(InvalidDocumentError) as caught:
            from_data(value)
        assert caught.value.problems[0].rule == "limit"


def test_a_byte_order_mark_is_passed_over() -> None:
    source = read(b"\xef\xbb\xbfname: x\n")
    assert source.data == {"name": "x"}
    assert source.locate("/name") == (1, 7)


DOCUMENT = """\
# comment é
name: "tést"   # é
stages:
  - id: a
    with: {x: 1, 'y z': [true, ~]}
  - &s
    id: b
  - *s
"a/b~c": |
  text
empty:
"""


@pytest.mark.parametrize(
    ("pointer", "value", "key"),
    [
        ("", (2, 1), (2, 1)),
        ("/name", (2, 7), (2, 1)),
        ("/stages", (4, 3), (3, 1)),
        ("/stages/0", (4, 5), (4, 5)),
        ("/stages/0/id", (4, 9), (4, 5)),
        ("/stages/0/with", (5, 11), (5, 5)),
        ("/stages/0/with/x", (5, 15), (5, 12)),
        ("/stages/0/with/y z/1", (5, 32), (5, 32)),
        ("/stages/1/id", (7, 9), (7, 5)),
        ("/stages/2", (8, 5), (8, 5)),
        ("/stages/2/id", (7, 9), (7, 5)),
        ("/a~1b~0c", (9, 10), (9, 1)),
        ("/empty", (11, 7), (11, 1)),
        ("/nothing", (2, 1), (2, 1)),
        ("/stages/9/id", (4, 3), (4, 3)),
        ("/stages/0/id/deeper", (4, 9), (4, 9)),
    ],
)
def test_yaml_places(pointer: str, value: tuple[int, int], key: tuple[int, int]) -> None:
    source = read(DOCUMENT)
    assert source.locate(pointer) == value
    assert source.locate(pointer, key=True) == key


def test_lines_end_in_any_of_the_three_ways() -> None:
    assert read("a: 1\r\nb: 2\r\n").locate("/b") == (2, 4)
    assert read("a: 1\rb: 2\r").locate("/b") == (2, 4)
    assert read("a: 1\n\n\nb: 2").locate("/b") == (4, 4)


def test_json_places() -> None:
    text = '{\n  "é": [1, {"b": null}],\n\t"c": "x"\n}'
    source = read(text)
    assert source.locate("/é/1/b") == (2, 18)
    assert source.locate("/é/1/b", key=True) == (2, 13)
    assert source.locate("/c") == (3, 7)
    assert source.locate("") == (1, 1)


@given(st.dictionaries(TEXT.filter(bool), st.lists(st.integers(0, 9), max_size=3), max_size=6))
def test_every_place_in_json_points_at_its_value(value: dict[str, list[int]]) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=1)
    source = read(text, syntax="json")
    lines = text.split("\n")
    for name, items in value.items():
        pointer = "/" + name.replace("~", "~0").replace("/", "~1")
        line, column = source.locate(pointer, key=True) or (0, 0)
        assert lines[line - 1][column - 1] == '"'
        for index, item in enumerate(items):
            line, column = source.locate(f"{pointer}/{index}") or (0, 0)
            assert lines[line - 1][column - 1] == str(item)


def test_without_libyaml_the_same_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "yaml.cyaml", None)
    monkeypatch.delattr(yaml, "cyaml", raising=False)
    source = read(DOCUMENT)
    assert source.data["stages"][2] == {"id": "b"}
    assert source.locate("/stages/0/with/y z/1") == (5, 32)
    assert [it.rule for it in problems("a: [")] == ["yaml"]


@pytest.mark.parametrize(
    ("text", "rule", "pointer", "place", "message", "hint"),
    [
        ("a: 1\nb:\n  a: 1\n  a: 2", "duplicate-key", "/b/a", (4, 3), "line 3, column 3", "rename"),
        ("1: x", "key", "", (1, 1), "the key 1 is not text", "'1'"),
        ("true: x", "key", "", (1, 1), "the key true", "quotes"),
        ("? \n: x", "key", "", (1, 2), "the key null", "quotes"),
        ("? [a]\n: x", "key", "", (1, 3), "cannot be a key", "text"),
        ("a: &x b\n*x : 1", "key", "", (2, 1), "an alias cannot be a key", "text"),
        ("a: ${{ b }}\nc: {${{ d }}: 1}", "yaml", "/c", (2, 6), "expected", "quotes"),
        (
            "a: !!python/object:os.system ls",
            "tag",
            "/a",
            (1, 4),
            "!!python/object:os",
            "plain data",
        ),
        ("a: !mine {x: 1}", "tag", "/a", (1, 4), "!mine", "take the tag out"),
        ("a: !!set {x}", "tag", "/a", (1, 4), "!!set", "plain"),
        ("a: !!binary aGk=", "tag", "/a", (1, 4), "!!binary", "plain"),
        ("a: !!timestamp 2026-01-01", "tag", "/a", (1, 4), "!!timestamp", "plain"),
        ("a: !!int x", "tag", "/a", (1, 4), "!!int does not fit", "tag"),
        ("%TAG ! tag:evil,2000:\n---\na: !x 1", "tag", "/a", (3, 4), "tag:evil,2000:x", "plain"),
        ("a: 1\n---\nb: 2", "documents", "", (2, 1), "more than one document", "---"),
        ("a: &x {b: 1}\nc:\n  <<: *x", "merge-key", "/c", (3, 3), "merge keys", "alias"),
        ("a: *x", "alias", "/a", (1, 4), "no anchor &x", "above"),
        ("a: &x [1, *x]", "alias", "/a/1", (1, 11), "inside of what it stands for", "itself"),
        ("a: &x {b: {c: *x}}", "alias", "/a/b/c", (1, 15), "inside", "itself"),
        ("a: .inf", "number", "/a", (1, 4), "not a finite", "quotes"),
        ("a: [-.INF, .nan]", "number", "/a/0", (1, 5), "not a finite", "quotes"),
        ("a: 1e999", "number", "/a", (1, 4), "out of range", "quotes"),
        ("", "empty", "", (1, 1), "is empty", "name"),
        ("# only a comment\n", "empty", "", (1, 1), "is empty", "stages"),
        ("a: b: c", "yaml", "", (1, 5), "mapping values are not allowed", "quotes"),
        ("a:\n\tb: 1", "yaml", "/a", (2, 1), "cannot start any token", "not with tabs"),
        ("a: 'x", "yaml", "/a", (1, 4), "unexpected end of stream", "close the quotes"),
        ("a: [1, 2", "yaml", "/a/2", (1, 9), "expected ',' or ']'", "close the list"),
        ("a: {b: 1", "yaml", "/a", (1, 9), "expected ',' or '}'", "close the mapping"),
        ("a: [${{ x }}]", "yaml", "/a/1", (1, 6), "expected ',' or ']'", "'${{ ... }}'"),
        ("a: 1\n  b: 2", "yaml", "", (2, 4), "mapping values", "indented"),
        ("a:\n  - 1\n - 2", "yaml", "", (3, 2), "did not find expected key", "indentation"),
        ("a: @x", "yaml", "/a", (1, 4), "cannot start any token", "quotes"),
        ('a: "\\q"', "yaml", "/a", (1, 5), "escape character", "single quotes"),
        ("a\nb: 1", "yaml", "", (2, 2), "mapping values", "quotes"),
        ("a: 1\nb\n", "yaml", "", (2, 1), "could not find expected ':'", "colon"),
        ("a: \x1b", "character", "", (1, 4), "U+001B", "escape"),
        (b"a: \x00", "character", "", (1, 4), "NUL", "escape"),
        (b"a: b\nc: \xff", "encoding", "", (2, 4), "0xff is not valid UTF-8", "UTF-8"),
        ("a: 1".encode("utf-16"), "encoding", "", (1, 1), "UTF-16", "UTF-8"),
        ("a: \ud800", "character", "", (1, 4), "U+D800", "take it out"),
    ],
)
def test_what_cannot_be_read_says_where_and_what_to_do(
    text: str | bytes, rule: str, pointer: str, place: tuple[int, int], message: str, hint: str
) -> None:
    problem = problems(text, syntax="yaml")[0]
    assert (problem.rule, problem.pointer) == (rule, pointer)
    assert (problem.line, problem.column) == place
    assert message in problem.message
    assert hint in (problem.hint or "")


@pytest.mark.parametrize(
    ("text", "rule", "place", "message"),
    [
        ('{"a": 1, "a": 2}', "duplicate-key", (1, 10), "first at line 1, column 2"),
        ('{"a": 1,}', "json", (1, 8), "a comma stands before }"),
        ("[1, 2,]", "json", (1, 6), "a comma stands before ]"),
        ('{"a": NaN}', "json", (1, 7), "NaN is not a JSON number"),
        ('{"a": -Infinity}', "json", (1, 7), "-Infinity is not"),
        ('{"a": 01}', "json", (1, 7), "a value is expected, not 01"),
        ('{"a": 1.}', "json", (1, 7), "a value is expected"),
        ('{"a": True}', "json", (1, 7), "not True"),
        ("{'a': 1}", "json", (1, 2), "a key in double quotes"),
        ('{"a" 1}', "json", (1, 6), "a colon is expected"),
        ('{"a": 1 "b": 2}', "json", (1, 9), "a comma or } is expected"),
        ('{"a": "x\ny"}', "json", (1, 9), "control character"),
        ('{"a": "x', "json", (1, 7), "unterminated string"),
        ('{"a": "\\x"}', "json", (1, 8), "invalid"),
        ('{"a": "\\ud800"}', "character", (1, 7), "surrogate"),
        ('{"a": "\\u0000"}', "character", (1, 7), "NUL"),
        ('{"a": 1} x', "json", (1, 10), "after the end"),
        ('{"a": 1e999}', "number", (1, 7), "out of range"),
        ('{"a": ', "json", (1, 7), "the end of the text"),
        ("// hi\n{}", "json", (1, 1), "a value is expected"),
        ("  ", "empty", (1, 1), "empty"),
    ],
)
def test_json_that_is_none(text: str, rule: str, place: tuple[int, int], message: str) -> None:
    problem = problems(text, syntax="json")[0]
    assert (problem.rule, problem.line, problem.column) == (rule, *place)
    assert message in problem.message


def test_flow_mappings_of_yaml_are_not_taken_for_json() -> None:
    assert read("{a: 1, b: [x]}").data == {"a": 1, "b": ["x"]}
    assert read("[a, b]").data == ["a", "b"]
    assert read("'a': 1").data == {"a": 1}
    assert read('"a": 1').data == {"a": 1}
    assert problems('{"a": yes}')[0].rule == "json"


def test_all_problems_of_one_text_come_together() -> None:
    text = "a: 1\na: 2\n3: x\nb: !x 1\nc: .nan\n"
    assert [(it.rule, it.line) for it in problems(text)] == [
        ("duplicate-key", 2),
        ("key", 3),
        ("tag", 4),
        ("number", 5),
    ]


def test_reading_stops_after_many_problems() -> None:
    found = problems("a: 1\n" * 1000, limits=ReadLimits(problems=10))
    assert len(found) == 11
    assert found[-1].rule == "too-many-problems"


def outcome(text: str | bytes, syntax: Any) -> tuple[Problem, ...]:
    """Return the problems of a text, none when it is read."""
    try:
        json.dumps(read(text, syntax=syntax).data, allow_nan=False)
    except InvalidDocumentError as error:
        return error.problems or (Problem("", "", "an error without a problem"),)
    return ()


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_text_is_data_or_problems(text: str | bytes) -> None:
    assert all(it.rule and it.message for it in outcome(text, None))


@given(st.text(alphabet="[]{}:,-? \n\t&*!|>'\"%@`ab1<~#", max_size=60))
def test_any_punctuation_is_data_or_problems(text: str) -> None:
    for syntax in ("yaml", "json", None):
        assert all(it.line is not None for it in outcome(text, syntax))
