"""Single cases of the families: values at the edges, and what is said when something is wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from blockyard_blocks import BlockError
from blockyard_schemas.statuses import Code

Use = Callable[..., Any]

RIGHT: list[tuple[str, dict[str, Any], Any]] = [
    ("math.add", {"first": 1.5, "second": 2.5}, 4.0),
    ("math.add", {"first": 10**400, "second": 1}, 10**400 + 1),
    ("math.divide", {"first": 1.5, "second": 0.5}, 3.0),
    ("math.sqrt", {"value": 2.25}, 1.5),
    ("math.ceiling", {"value": 2.3}, 3),
    ("math.multiply", {"first": 1001, "second": 1}, 1001),
    ("math.power", {"base": 2, "exponent": -1}, 0.5),
    ("math.to_integer", {"value": " 12 "}, 12),
    ("math.to_integer", {"value": "1e3"}, 1000),
    ("math.round", {"value": 0.5}, 1),
    ("math.round", {"value": -0.5}, -1),
    ("math.round", {"value": 1.005, "digits": 2}, 1.01),
    ("math.format", {"value": -1234.5, "thousands": ".", "point": ","}, "-1.234,50"),
    ("math.format", {"value": 999.995}, "1,000.00"),
    ("math.mean", {"values": [], "default": None}, None),
    ("text.create", {"value": "é"}, "é"),
    ("text.create", {"value": {"a": None}}, '{"a":null}'),
    ("text.split", {"text": ""}, []),
    ("text.split", {"text": "a,b", "separator": ",", "limit": -1}, ["a", "b"]),
    ("text.slug", {"text": "...", "separator": "_"}, ""),
    ("text.truncate", {"text": "abc", "length": 3}, "abc"),
    ("text.get", {"text": "abc", "index": -3}, "a"),
    ("text.pad", {"text": "abcd", "width": 2}, "abcd"),
    ("list.includes", {"items": [1], "item": True}, False),
    ("list.index_of", {"items": [1.0], "item": 1}, 0),
    ("list.pop", {"items": [1, 2]}, {"item": 2, "items": [1]}),
    ("list.remove", {"items": [1], "item": 2, "silent": True}, [1]),
    ("list.zip", {"lists": [[1], [2, 3]], "pad": None}, [[1, 2], [None, 3]]),
    ("list.range", {"stop": 0}, []),
    ("list.flatten", {"items": [[[1]]], "depth": 10**9}, [1]),
    ("dict.get", {"dictionary": {"a": None}, "key": "a"}, None),
    ("dict.set", {"dictionary": {}, "key": "a", "value": 1}, {"a": 1}),
    ("dict.has_value", {"dictionary": {"a": [1.0]}, "value": [1]}, True),
    ("logic.compare", {"first": None, "operator": "=", "second": 0}, False),
    ("logic.compare", {"first": "b", "operator": ">", "second": "a"}, True),
    ("logic.compare", {"first": 1, "operator": "is", "second": 1.0}, False),
    ("logic.compare", {"first": "k", "operator": "in", "second": {"k": 1}}, True),
    ("logic.compare", {"first": "abc", "operator": "starts with", "second": "ab"}, True),
    ("logic.to_bool", {"value": " NO "}, False),
    ("logic.switch", {"value": "z", "cases": {}, "otherwise": 3}, 3),
    ("object.type_of", {"value": True}, "bool"),
    ("json.get", {"value": {"a b": [1]}, "path": '["a b"][-1]'}, 1),
    ("json.get", {"value": 3, "path": ""}, 3),
    ("json.pointer", {"value": {"": {"~": 1}}, "pointer": "//~0"}, 1),
    ("json.pointer", {"value": [1], "pointer": "/01", "default": None}, None),
    ("json.set", {"value": None, "path": "a[0].b", "item": 1}, {"a": [{"b": 1}]}),
    ("json.delete", {"value": {"a": 1}, "path": "x.y"}, {"a": 1}),
    ("json.unflatten", {"value": {"a/b": 1}, "separator": "/"}, {"a": {"b": 1}}),
    ("csv.parse", {"text": ""}, []),
    ("csv.parse", {"text": "a,b\n"}, []),
    ("csv.parse", {"text": "\ufeffa\n\n1\n"}, [{"a": "1"}]),
    ("csv.parse", {"text": "a\n yes \n", "types": {"a": "bool"}}, [{"a": True}]),
    ("csv.parse", {"text": "a , b\n1 , x\n", "trim": True}, [{"a": "1", "b": "x"}]),
    (
        "csv.parse",
        {"text": "a,b\n1,2.5\n", "types": {"a": "number", "b": "number"}},
        [{"a": 1, "b": 2.5}],
    ),
    ("csv.format", {"rows": []}, ""),
    ("csv.format_rows", {"rows": [["=1+1", -1, ["x"]]], "safe": True}, '\'=1+1,-1,"[""x""]"\n'),
    ("date.parse", {"text": "2026-01-31T08:30:00Z"}, "2026-01-31T08:30:00+00:00"),
    ("date.parse", {"text": "08:30 31/01/26", "format": "%H:%M %d/%m/%y"}, "2026-01-31T08:30:00"),
    ("date.parse", {"text": "2026-07-01", "timezone": "Europe/Paris"}, "2026-07-01T00:00:00+02:00"),
    ("date.add", {"date": "2024-02-29", "years": 1}, "2025-02-28"),
    ("date.add", {"date": "2026-01-01", "hours": 1.5}, "2026-01-01T01:30:00"),
    ("date.diff", {"first": "2024-02-29", "second": "2026-02-27", "unit": "years"}, 1),
    ("date.diff", {"first": "2026-01-01T00:00:00Z", "second": "2026-01-01T02:00:00+02:00"}, 0),
    ("date.end_of", {"date": "2024-02-01", "unit": "year"}, "2024-12-31"),
    ("date.end_of", {"date": "2026-01-28", "unit": "week"}, "2026-02-01"),
    ("date.start_of", {"date": "2026-02-01", "unit": "week"}, "2026-01-26"),
    ("date.range", {"start": "2026-01-02", "stop": "2026-01-01"}, []),
    ("date.add_workdays", {"date": "2026-02-02", "days": -1}, "2026-01-30"),
    ("date.from_timestamp", {"seconds": -1}, "1969-12-31T23:59:59+00:00"),
    (
        "regex.match",
        {"text": "a", "pattern": "(b)?a"},
        {"text": "a", "start": 0, "end": 1, "groups": [None], "named": {}},
    ),
    ("regex.find_all", {"text": "A\na", "pattern": "(?m)^a$", "ignore_case": True}, ["A", "a"]),
    ("regex.find_all", {"text": "ééa", "pattern": "(?P<x>é)", "group": "x"}, ["é", "é"]),
    ("regex.replace", {"text": "ab", "pattern": "(?P<x>a)", "replacement": r"\\\g<x>\1"}, r"\aab"),
    ("regex.split", {"text": "a1b2c", "pattern": r"\d", "limit": 1}, ["a", "b2c"]),
    ("regex.test", {"text": "a" * 5000 + "!", "pattern": "(a+)+$"}, False),
    ("hash.blake2b", {"text": "", "size": 1, "encoding": "base64"}, "Lg=="),
    ("hash.base64_decode", {"text": "w6k\n"}, "é"),
    ("table.filter", {"rows": [], "where": [{"column": "x", "value": 1}]}, []),
    (
        "table.filter",
        {"rows": [{"a": 1}, {"b": 1}], "where": [{"column": "b", "value": None}]},
        [{"a": 1}],
    ),
    (
        "table.filter",
        {
            "rows": [{"a": 1}, {"a": 2}],
            "where": [{"column": "a", "value": 1}, {"column": "a", "value": 2}],
            "match": "any",
        },
        [{"a": 1}, {"a": 2}],
    ),
    ("table.sort", {"rows": [{"-a": 2}, {"-a": 1}], "by": ["-a"]}, [{"-a": 1}, {"-a": 2}]),
    (
        "table.sort",
        {"rows": [{"a": 1}, {"a": None}], "by": ["a"], "nulls": "first"},
        [{"a": None}, {"a": 1}],
    ),
    (
        "table.aggregate",
        {"rows": [], "values": {"n": {"count": "*"}, "s": {"sum": "x"}}},
        [{"n": 0, "s": 0}],
    ),
    ("table.aggregate", {"rows": [], "by": ["k"], "values": {"n": {"count": "*"}}}, []),
    (
        "table.aggregate",
        {"rows": [{"v": 0.1}] * 3, "values": {"s": {"sum": "v"}}},
        [{"s": 0.30000000000000004}],
    ),
    (
        "table.calculate",
        {"rows": [{"a": None}], "name": "b", "left": "a", "operator": "+", "right": 1},
        [{"a": None, "b": None}],
    ),
    (
        "table.join",
        {"left": [{"a": 1, "x": 2}], "right": [{"a": 1, "x": 3}], "on": ["a"]},
        [{"a": 1, "x": 2, "x_right": 3}],
    ),
    (
        "table.pivot",
        {"rows": [{"k": None, "c": True, "v": 1}], "index": ["k"], "column": "c", "value": "v"},
        [{"k": None, "true": 1}],
    ),
]

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("math.divide", {"first": 1, "second": 0}, "can't divide by 0"),
    ("math.sqrt", {"value": -1}, "-1 is negative"),
    ("math.power", {"base": 10, "exponent": 10**9}, "larger than a number can be"),
    ("math.power", {"base": -1, "exponent": 0.5}, "whole powers only"),
    ("math.power", {"base": 0, "exponent": -1}, "negative power"),
    ("math.multiply", {"first": 1e308, "second": 10.0}, "larger than a number can be"),
    ("math.to_integer", {"value": "twelve"}, "'twelve' is not a number"),
    ("math.to_float", {"value": "nan"}, "'nan' is not a number"),
    ("math.max", {"values": []}, "the list is empty; give a default"),
    ("math.max", {"values": [1, "a"]}, "numbers and texts can't be compared"),
    ("math.clamp", {"value": 1, "lowest": 2, "highest": 1}, "lowest is 2, above highest"),
    ("math.deviation", {"values": [1]}, "at least 2 numbers"),
    ("math.round", {"value": 1.5, "digits": 10**9}, "digits must be from"),
    ("text.repeat", {"text": "ab", "count": 10**9}, "more than 50000000 characters"),
    ("text.pad", {"text": "a", "width": 10**12}, "at most 50000000"),
    ("text.get", {"text": "abc", "index": 3}, "index 3 is outside of the text of 3 characters"),
    ("text.format", {"template": "{x}", "values": {"y": 1}}, "no value 'x'; there are: y"),
    ("text.format", {"template": "a } b", "values": {}}, "a single } at character 2"),
    ("text.format", {"template": "{a.__class__}", "values": {"a": "t"}}, "no value 'a.__class__'"),
    ("list.get", {"items": [1], "index": 1}, "index 1 is outside of the list of 1"),
    ("list.remove", {"items": [1], "item": True}, "the item is not in the list"),
    ("list.sort", {"items": [[1]]}, "lists have no order"),
    ("list.range", {"stop": 10**12}, "at most 1000000 items"),
    ("list.range", {"stop": 3, "step": 0}, "step can't be 0"),
    ("list.zip", {"lists": [[1], []]}, "not equally long; give pad"),
    ("list.random", {"items": []}, "the list is empty"),
    (
        "dict.get",
        {"dictionary": {"a": 1}, "key": "b"},
        "no key 'b'; the keys are: a; give a default",
    ),
    ("dict.from_pairs", {"pairs": [[1, 2]]}, r"pairs\[0\] is not a list of two"),
    ("dict.rename", {"dictionary": {"a": 1, "b": 2}, "names": {"a": "b"}}, "the same name"),
    (
        "logic.compare",
        {"first": 1, "operator": "<", "second": "a"},
        "a number and a text can't be compared by '<'",
    ),
    ("logic.compare", {"first": True, "operator": "<", "second": 2}, "true or false and a number"),
    ("logic.to_bool", {"value": "perhaps"}, "neither true nor false"),
    ("object.apply_slice", {"value": [], "slice": {"end": 1}}, "not 'end'"),
    ("json.parse", {"text": '{"a": 1,}'}, "line 1, column"),
    ("json.parse", {"text": '{"a": 1, "a": 2}'}, "the key 'a' comes twice"),
    ("json.parse", {"text": "[NaN]"}, "NaN is not JSON"),
    ("json.parse", {"text": "1e999"}, "1e999 is too large"),
    ("json.parse", {"text": "[" * 100_000}, "nested too deeply"),
    ("json.parse", {"text": "9" * 5000}, "4300 digits"),
    ("json.parse_lines", {"text": "1\n{"}, "line 2 of the text"),
    ("json.get", {"value": {}, "path": "a..b"}, "can't be read at character 2"),
    ("json.get", {"value": {}, "path": "a"}, "there is nothing at 'a'"),
    ("json.set", {"value": {"a": 1}, "path": "a.b", "item": 1}, "no dict"),
    ("json.set", {"value": [1], "path": "[5]", "item": 1}, "outside of a list"),
    ("csv.parse", {"text": "a,b\n1\n"}, "line 2 of the text has 1 cells, and there are 2 columns"),
    ("csv.parse", {"text": "a,a\n"}, "two columns have the name 'a'"),
    (
        "csv.parse",
        {"text": "n\nx\n", "types": {"n": "int"}},
        "line 2 of the text: 'x' in the column 'n'",
    ),
    ("csv.parse", {"text": "n\n1\n", "types": {"m": "int"}}, "types names the column 'm'"),
    ("csv.parse", {"text": 'a\n"x', "delimiter": ","}, "line 2 of the text: unexpected end"),
    ("csv.parse", {"text": "", "delimiter": ",,"}, "delimiter must be one character"),
    ("csv.parse", {"text": "n\nnan\n", "types": {"n": "float"}}, "'nan' in the column 'n'"),
    ("date.parse", {"text": "2026-02-30"}, "'2026-02-30' is not a date; write it like"),
    ("date.parse", {"text": "x", "format": "%d %Y"}, "does not match format"),
    ("date.parse", {"text": "31", "format": "%d %%Y"}, "has no year, so it makes no date"),
    ("date.parse", {"text": "2026-01-01", "timezone": "../../etc/passwd"}, "there is no time zone"),
    ("date.now", {"timezone": "Mars/Base"}, "there is no time zone 'Mars/Base'"),
    ("date.now", {"timezone": "Europe"}, "there is no time zone 'Europe'"),
    ("date.add", {"date": "9999-12-31", "days": 1}, "outside of the years 1 to 9999"),
    ("date.add", {"date": "2026-01-01", "years": 10**12}, "outside of the years 1 to 9999"),
    ("date.end_of", {"date": "9999-12-31", "unit": "year"}, "outside of the years"),
    ("date.diff", {"first": "2026-01-01", "second": "2026-01-01T00:00:00Z"}, "the other has none"),
    ("date.convert", {"date": "2026-01-01", "timezone": "UTC"}, "has no offset; give source"),
    ("date.from_timestamp", {"seconds": 1e300}, "outside of the years"),
    ("regex.test", {"text": "", "pattern": "(a"}, r"the pattern can't be read: missing \)"),
    ("regex.test", {"text": "", "pattern": r"(a)\1"}, "the pattern can't be read"),
    ("regex.find_all", {"text": "", "pattern": "a", "group": 1}, "the pattern has no group 1"),
    ("regex.replace", {"text": "", "pattern": "a", "replacement": r"\1"}, "no group 1"),
    ("regex.replace", {"text": "", "pattern": "a", "replacement": r"\n"}, "no meaning"),
    ("hash.base64_decode", {"text": "a"}, "not Base64"),
    ("hash.base64_decode", {"text": "/w=="}, "not a text in UTF-8"),
    ("hash.hex_decode", {"text": "abc"}, "pairs of hexadecimal digits"),
    (
        "table.filter",
        {"rows": [{"amount": 1}], "where": [{"column": "amuont", "value": 1}]},
        "did you mean 'amount'",
    ),
    ("table.filter", {"rows": [], "where": [{"column": "a", "is": 1}]}, r"where\[0\] is a dict of"),
    (
        "table.filter",
        {"rows": [{"a": "x"}], "where": [{"column": "a", "operator": ">", "value": 1}]},
        "the column 'a': a text and a number",
    ),
    (
        "table.filter",
        {"rows": [{"a": 1}], "where": [{"column": "a", "operator": "~", "value": 1}]},
        "no operator '~'",
    ),
    ("table.aggregate", {"rows": [{"a": "x"}], "values": {"s": {"sum": "a"}}}, "so it has no sum"),
    ("table.aggregate", {"rows": [], "values": {"s": {}}}, "must name one function"),
    ("table.aggregate", {"rows": [], "values": {"s": {"sum": "*"}}}, r"only count can be of \*"),
    ("table.join", {"left": [], "right": [], "on": []}, "on is empty"),
    (
        "table.join",
        {"left": [{"a": 1, "x": 1}], "right": [{"a": 1, "x": 2}], "on": ["a"], "suffix": ""},
        "another suffix",
    ),
    (
        "table.index_by",
        {"rows": [{"a": "x"}, {"a": "x"}], "column": "a"},
        r"rows\[1\]: 'a' is there twice",
    ),
    (
        "table.pivot",
        {"rows": [{"k": 1, "c": "k", "v": 1}], "index": ["k"], "column": "c", "value": "v"},
        "the same name",
    ),
]


@pytest.mark.parametrize(("name", "arguments", "result"), RIGHT)
def test_a_result(use: Use, name: str, arguments: dict[str, Any], result: Any) -> None:
    found = use(name, **arguments)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(("name", "arguments", "words"), WRONG)
def test_an_error(use: Use, name: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        use(name, **arguments)


def test_assertions_say_what_they_were_told(use: Use) -> None:
    with pytest.raises(AssertionError, match="no rows"):
        use("logic.assert", value=[], message="no rows")
    with pytest.raises(AssertionError, match="the value holds: a number"):
        use("logic.assert_not", value=1)
    with pytest.raises(AssertionError, match="the comparison '=' does not hold"):
        use("logic.assert_compare", first=1, second=2)


def test_a_stop_ends_the_run(use: Use) -> None:
    with pytest.raises(BlockError) as caught:
        use("logic.stop")
    assert caught.value.code is Code.KILLED_MANUALLY


def test_random_numbers_keep_their_bounds(use: Use) -> None:
    drawn = {use("math.random", lowest=1, highest=3) for _ in range(200)}
    assert drawn == {1, 2, 3}
    assert {use("list.random", items=["a", "b"]) for _ in range(100)} == {"a", "b"}
    assert sorted(use("list.shuffle", items=[3, 1, 2])) == [1, 2, 3]
