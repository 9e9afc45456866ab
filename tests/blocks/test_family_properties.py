"""What holds for all inputs of the families, tried with many."""

import base64
import csv
import datetime as dt
import io
import itertools
import json
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockyard_blocks import BlockError, Catalog
from blockyard_blocks.comparing import compare, key_of, order_key, same
from blockyard_blocks.paths import delete_at, get_at, read_path, set_at

Use = Callable[..., Any]

WHOLE = st.integers(-(10**6), 10**6)
NUMBER = WHOLE | st.floats(allow_nan=False, allow_infinity=False, width=32)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
SCALAR = st.none() | st.booleans() | NUMBER | TEXT
PLAIN = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"k": st.sampled_from(["a", "b", "c"]), "v": st.none() | st.integers(-5, 5)}
    ),
    max_size=12,
)


def plainly_equal(first: Any, second: Any) -> bool:
    """Say by JSON whether two values are equal: an independent way."""

    def written(value: Any) -> str:
        return json.dumps(value, sort_keys=True, default=str)

    def unified(value: Any) -> Any:
        if isinstance(value, list):
            return [unified(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
        if isinstance(value, dict):
            return {key: unified(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(Fraction(value)) + " number"
        return value

    return written(unified(first)) == written(unified(second))


@given(PLAIN, PLAIN)
def test_equal_values_have_equal_keys(first: Any, second: Any) -> None:
    assert same(first, json.loads(json.dumps(first)))
    assert hash(key_of(first)) == hash(key_of(json.loads(json.dumps(first))))
    assert same(first, second) is plainly_equal(first, second)
    assert compare(first, "=", second) is not compare(first, "!=", second)


@given(st.lists(SCALAR, max_size=12))
def test_a_sorted_list_is_in_order_and_has_the_same_items(use: Use, items: list[Any]) -> None:
    ordered = use("list.sort", items=items)
    assert all(order_key(a) <= order_key(b) for a, b in itertools.pairwise(ordered))
    assert sorted(map(repr, ordered)) == sorted(map(repr, items))
    assert use("list.sort", items=items, descending=True) == sorted(
        items, key=order_key, reverse=True
    )


@given(st.lists(PLAIN, max_size=8), st.lists(PLAIN, max_size=8))
def test_lists_as_sets(use: Use, first: list[Any], second: list[Any]) -> None:
    unique = use("list.unique", items=first)
    assert all(use("list.count", items=unique, item=item) == 1 for item in first)
    kept = use("list.intersection", first=first, second=second)
    gone = use("list.difference", first=first, second=second)
    assert len(kept) + len(gone) == len(first)
    assert use("list.includes_all", items=second, others=kept)
    assert not use("list.includes_any", items=second, others=gone)
    assert use("list.union", first=first, second=second) == use(
        "list.unique", items=[*first, *second]
    )


@given(st.lists(PLAIN, max_size=8), st.integers(-10, 10))
def test_an_item_taken_out_can_be_put_back(use: Use, items: list[Any], index: int) -> None:
    before = json.dumps(items)
    if -len(items) <= index < len(items):
        taken = use("list.pop", items=items, index=index)
        assert same(taken["item"], items[index])
        place = index % len(items)
        assert use("list.insert", items=taken["items"], index=place, item=taken["item"]) == items
    else:
        with pytest.raises(ValueError, match=f"index {index} is outside of the list"):
            use("list.pop", items=items, index=index)
        assert use("list.get", items=items, index=index, default="none") == "none"
    assert json.dumps(items) == before


@given(st.lists(WHOLE, max_size=20), st.integers(1, 5))
def test_chunks_make_the_list_again(use: Use, items: list[int], size: int) -> None:
    chunks = use("list.chunk", items=items, size=size)
    assert use("list.flatten", items=chunks) == items
    assert all(len(chunk) == size for chunk in chunks[:-1])


@given(st.lists(NUMBER, max_size=20))
def test_a_sum_is_exact(use: Use, values: list[int | float]) -> None:
    total = use("math.sum", values=values)
    exact = sum((Fraction(value) for value in values), Fraction())
    assert total == (int(exact) if all(isinstance(v, int) for v in values) else float(exact))


@given(st.integers(-(10**9), 10**9), st.integers(0, 6))
def test_rounding_is_that_of_decimals(use: Use, units: int, digits: int) -> None:
    value = float(f"{units}e-6")
    rounded = use("math.round", value=value, digits=digits)
    step = 10 ** (6 - digits)
    whole, rest = divmod(abs(units), step)
    expected = (whole + (2 * rest >= step)) * (1 if units >= 0 else -1)
    assert rounded == float(f"{expected}e-{digits}")


@given(NUMBER, NUMBER)
def test_division_and_its_rest_belong_together(use: Use, first: float, second: float) -> None:
    if second == 0:
        with pytest.raises(ValueError, match="can't divide by 0"):
            use("math.modulo", first=first, second=second)
    elif isinstance(first, int) and isinstance(second, int):
        whole = use("math.divide_whole", first=first, second=second)
        assert whole * second + use("math.modulo", first=first, second=second) == first
        assert use("math.divide", first=first, second=second) == first / second


@given(TEXT, st.text("ab,", min_size=1, max_size=2))
def test_splitting_and_joining_are_opposites(use: Use, text: str, separator: str) -> None:
    parts = use("text.split", text=text, separator=separator)
    assert use("text.join", items=parts, separator=separator) == text
    before = use("text.before", text=text, separator=separator)
    after = use("text.after", text=text, separator=separator)
    assert text == (before + separator + after if separator in text else before)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), PLAIN, max_size=4), TEXT)
def test_filled_in_values_are_never_read_again(
    use: Use, values: dict[str, Any], extra: str
) -> None:
    values = {**values, "given": "{" + extra + "}"}
    template = "".join(f"<{{{name}}}>" for name in values)
    expected = "".join(f"<{use('text.create', value=value)}>" for value in values.values())
    assert use("text.format", template=template, values=values) == expected


@given(PLAIN)
def test_json_is_read_as_it_was_written(use: Use, value: Any) -> None:
    assert use("json.parse", text=use("json.format", value=value)) == value
    assert use("json.parse", text=use("json.format", value=value, indent=2, ascii=True)) == value
    assert use("json.parse_lines", text=use("json.format_lines", values=[value, 1])) == [value, 1]


@given(st.text(max_size=40))
def test_any_text_is_json_or_a_clear_error(use: Use, text: str) -> None:
    try:
        value = use("json.parse", text=text)
    except ValueError:
        assert use("json.is_valid", text=text) is False
    else:
        assert json.loads(json.dumps(value)) == value


@given(
    PLAIN, st.lists(TEXT.filter(lambda key: '"' not in key) | st.integers(0, 3), max_size=4), PLAIN
)
def test_what_is_put_at_a_path_is_found_there(value: Any, parts: list[Any], item: Any) -> None:
    path = read_path(
        "".join(f'["{part}"]' if isinstance(part, str) else f"[{part}]" for part in parts)
    )
    assert list(path) == parts
    try:
        changed = set_at(value, path, item)
    except ValueError:
        return
    assert same(get_at(changed, path), item)
    if path and isinstance(path[-1], str):
        assert not same(get_at(delete_at(changed, path), path), item) or item is None


@given(st.dictionaries(st.from_regex(r"[a-z]{1,3}", fullmatch=True), PLAIN, max_size=4))
def test_a_flat_dict_has_the_paths_of_all_values(use: Use, value: dict[str, Any]) -> None:
    flat = use("json.flatten", value=value, separator="\x00")
    for path, item in flat.items():
        found: Any = value
        for part in path.split("\x00"):
            found = found[int(part) if isinstance(found, list) else part]
        assert same(found, item)


@given(PLAIN, PLAIN)
def test_a_merge_patch_is_applied_once(use: Use, value: Any, patch: Any) -> None:
    merged = use("json.merge", value=value, patch=patch)
    assert same(use("json.merge", value=merged, patch=patch), merged)


CELL = st.text(
    st.sampled_from('ab,;" \r\n') | st.characters(codec="utf-8", exclude_characters="\x00"),
    max_size=8,
)


@given(st.lists(st.lists(CELL, min_size=2, max_size=2), max_size=6))
def test_csv_is_read_as_it_was_written(use: Use, rows: list[list[str]]) -> None:
    text = use("csv.format_rows", rows=rows)
    assert use("csv.parse_rows", text=text) == rows
    assert list(csv.reader(io.StringIO(text, newline=""))) == rows
    records = [dict(zip(("a", "b"), row, strict=True)) for row in rows]
    written = use("csv.format", rows=records, columns=["a", "b"])
    assert use("csv.parse", text=written) == records


@given(ROWS, st.integers(-5, 5), st.sampled_from([">", ">=", "<", "<=", "=", "!="]))
def test_filtered_rows_are_those_that_meet_the_condition(
    use: Use, rows: list[dict[str, Any]], bound: int, operator: str
) -> None:
    where = [{"column": "v", "operator": operator, "value": bound}]
    kept = use("table.filter", rows=rows, where=where)
    checks: dict[str, Callable[[Any], bool]] = {
        ">": lambda v: v is not None and v > bound,
        ">=": lambda v: v is not None and v >= bound,
        "<": lambda v: v is not None and v < bound,
        "<=": lambda v: v is not None and v <= bound,
        "=": lambda v: v == bound,
        "!=": lambda v: v != bound,
    }
    assert kept == [row for row in rows if checks[operator](row["v"])]


@given(ROWS)
def test_rows_are_sorted_by_several_columns(use: Use, rows: list[dict[str, Any]]) -> None:
    ordered = use("table.sort", rows=rows, by=["k", "-v"])
    assert ordered == sorted(rows, key=lambda row: (row["k"], row["v"] is None, -(row["v"] or 0)))


@given(ROWS)
def test_aggregates_of_groups_make_those_of_the_whole(use: Use, rows: list[dict[str, Any]]) -> None:
    values = {
        "n": {"count": "*"},
        "known": {"count": "v"},
        "total": {"sum": "v"},
        "top": {"max": "v"},
    }
    groups = use("table.aggregate", rows=rows, by=["k"], values=values)
    (whole,) = use("table.aggregate", rows=rows, values=values)
    for name in ("n", "known", "total"):
        assert sum(group[name] for group in groups) == whole[name]
    tops = [group["top"] for group in groups if group["top"] is not None]
    assert whole["top"] == max(tops, default=None)
    assert [group["k"] for group in groups] == list(dict.fromkeys(row["k"] for row in rows))
    members = use("table.group", rows=rows, by=["k"])
    assert sorted(map(str, (row for group in members for row in group["rows"]))) == sorted(
        map(str, rows)
    )


@given(ROWS, ROWS, st.sampled_from(["both", "left", "right", "all"]))
def test_a_join_has_the_rows_that_a_slow_one_has(
    use: Use, left: list[dict[str, Any]], right: list[dict[str, Any]], keep: str
) -> None:
    right = [{"id": row["v"], "w": row["k"]} for row in right]
    joined = use("table.join", left=left, right=right, on={"v": "id"}, keep=keep)
    pairs = [(a, b) for a in left for b in right if a["v"] is not None and a["v"] == b["id"]]
    expected = [(a["k"], a["v"], b["w"]) for a, b in pairs]
    if keep in ("left", "all"):
        alone = [a for a in left if not any(a is x for x, _ in pairs)]
        expected += [(a["k"], a["v"], None) for a in alone]
    if keep in ("right", "all"):
        lone = [b for b in right if not any(b is x for _, x in pairs)]
        expected += [(None, b["id"], b["w"]) for b in lone]
    found = [(row.get("k"), row["v"], row.get("w")) for row in joined]
    assert sorted(map(str, found)) == sorted(map(str, expected))


@given(st.dates(dt.date(1900, 1, 1), dt.date(2200, 1, 1)), st.integers(-20_000, 20_000))
def test_days_are_added_and_counted(use: Use, day: dt.date, days: int) -> None:
    moved = use("date.add", date=day.isoformat(), days=days)
    assert moved == (day + dt.timedelta(days=days)).isoformat()
    assert use("date.diff", first=day.isoformat(), second=moved) == days


@given(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)), st.integers(-500, 500))
def test_months_are_added_and_counted(use: Use, moment: dt.datetime, months: int) -> None:
    moved = dt.datetime.fromisoformat(use("date.add", date=moment.isoformat(), months=months))
    assert (moved.year * 12 + moved.month) - (moment.year * 12 + moment.month) == months
    assert moved.day <= moment.day
    if moved.day == moment.day:
        assert (
            use("date.diff", first=moment.isoformat(), second=moved.isoformat(), unit="months")
            == months
        )


@given(
    st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)),
    st.sampled_from(["year", "quarter", "month", "week", "day", "hour", "minute", "second"]),
)
def test_a_date_lies_between_start_and_end(use: Use, moment: dt.datetime, unit: str) -> None:
    text = moment.replace(microsecond=0).isoformat()
    start, end = (use(f"date.{side}_of", date=text, unit=unit) for side in ("start", "end"))
    assert start <= text <= end
    after = dt.datetime.fromisoformat(end) + dt.timedelta(seconds=1)
    assert use("date.start_of", date=after.isoformat(), unit=unit) == after.isoformat()


@given(
    st.text("ab1 \n", max_size=12), st.sampled_from(["a+", "(a)(b)?", r"\d", "[ab]|1", "$", "b*"])
)
def test_patterns_find_what_pythons_own_find(use: Use, text: str, pattern: str) -> None:
    if pattern == "$":
        pattern = r"\z"
        expected = re.compile(r"\Z")
    else:
        expected = re.compile(pattern)
    assert use("regex.test", text=text, pattern=pattern) is (expected.search(text) is not None)
    assert use("regex.find_all", text=text, pattern=pattern) == [
        found[0] for found in expected.finditer(text)
    ]
    assert use("regex.replace", text=text, pattern=pattern, replacement="<\\0>") == expected.sub(
        lambda found: f"<{found[0]}>", text
    )
    assert use("regex.test", text=text, pattern=use("regex.escape", text=text), whole=True)


@given(st.text(st.characters(codec="utf-8")))
def test_what_was_encoded_is_decoded(use: Use, text: str) -> None:
    encoded = use("hash.base64_encode", text=text)
    assert base64.b64decode(encoded).decode() == text
    for form in (encoded, use("hash.base64_encode", text=text, url_safe=True)):
        assert use("hash.base64_decode", text=form) == text
    assert use("hash.hex_decode", text=use("hash.hex_encode", text=text)) == text


@given(PLAIN, PLAIN)
def test_operations_on_truth_follow_their_tables(use: Use, first: Any, second: Any) -> None:
    one, other = bool(first), bool(second)
    expected = {
        "and": one and other,
        "or": one or other,
        "xor": one != other,
        "xnor": one == other,
        "nand": not (one and other),
        "nor": not (one or other),
    }
    assert {name: use(f"logic.{name}", first=first, second=second) for name in expected} == expected


@settings(max_examples=500)
@given(st.data())
def test_no_block_lets_anything_but_a_clear_error_out(data: st.DataObject) -> None:
    found = data.draw(st.sampled_from(list(Catalog.builtin())))
    example = data.draw(st.sampled_from(found.examples))
    arguments = dict(example.arguments)
    if arguments:
        name = data.draw(st.sampled_from(sorted(arguments)))
        arguments[name] = data.draw(PLAIN)
    words, result = "no error", None
    try:
        result = found.call(arguments, variables=dict(example.variables or {}))
    except (BlockError, ValueError, AssertionError, ArithmeticError) as error:
        words = str(error)
    assert words
    assert json.loads(json.dumps(result, allow_nan=False)) == result
