"""Pages: every row once, whatever comes in between; and cursors that come back from outside."""

import base64
import json
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from blockyard_platform.service.registry import tenants, tokens
from blockyard_platform.service.registry.callers import Role
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import InvalidError
from blockyard_platform.service.registry.paging import Ask, Order, make_cursor, read_cursor

from .conftest import ADMIN, Clock

TABLE = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("name", sa.Text),
    sa.Column("small", sa.Integer),
    sa.Column("large", sa.BigInteger),
    sa.Column("real", sa.Float),
)
ORDER = Order("things", tuple(TABLE.c))
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=80)
ROWS = st.tuples(
    TEXTS,
    st.integers(-(2**31) + 1, 2**31 - 1),
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)


def encoded(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


@given(ROWS)
def test_a_cursor_is_read_again(row: tuple[Any, ...]) -> None:
    assert tuple(read_cursor(ORDER, make_cursor(ORDER, row))) == row


@given(st.text())
def test_a_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidError, match="no cursor of this listing"):
        read_cursor(ORDER, text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
    )
)
def test_other_data_is_no_cursor(value: Any) -> None:
    with pytest.raises(InvalidError):
        read_cursor(ORDER, encoded(value))


@pytest.mark.parametrize(
    "values",
    [
        ["things", "a", 1, 1],
        ["things", "a", 1, 1, 1.0, 1],
        ["other", "a", 1, 1, 1.0],
        ["things", 1, 1, 1, 1.0],
        ["things", "a\x00", 1, 1, 1.0],
        ["things", "\ud800", 1, 1, 1.0],
        ["things", "a", True, 1, 1.0],
        ["things", "a", 1.0, 1, 1.0],
        ["things", "a", 2**31, 1, 1.0],
        ["things", "a", 1, 2**63, 1.0],
        ["things", "a", 1, 1, float("inf")],
        ["things", "a", 1, 1, 1],
        ["things", None, 1, 1, 1.0],
        b"[" * 1_400,
        b'["things","a",1,1,1.0 ]',
        b'["things","a",1,1,1.00]',
        b'["things","\\u0061",1,1,1.0]',
        b"1" * 1_400,
        b"\xff\xfe",
    ],
)
def test_a_forged_cursor_is_refused(values: Any) -> None:
    with pytest.raises(InvalidError):
        read_cursor(ORDER, encoded(values))


def test_a_cursor_has_one_form() -> None:
    cursor = make_cursor(ORDER, ["a", 1, 1, 1.0])
    assert read_cursor(ORDER, cursor) == ["a", 1, 1, 1.0]
    for other in (
        cursor + "=",
        cursor + "\n",
        " " + cursor,
        cursor + "A",
        cursor[:-1],
        cursor * 200,
    ):
        with pytest.raises(InvalidError):
            read_cursor(ORDER, other)


@pytest.mark.parametrize("limit", [0, -1, 501, 10**30])
def test_a_page_has_a_length(limit: int, database: Database) -> None:
    with database.reading() as work, pytest.raises(InvalidError, match="a page cannot have"):
        tenants.page(work, ADMIN, Ask(limit=limit))


def test_rows_that_come_in_between_change_no_page(database: Database) -> None:
    with database.writing() as work:
        for number in range(7):
            tenants.create(work, ADMIN, f"c{number}")
        seen: list[str] = []
        ask = Ask(limit=2)
        while True:
            found = tenants.page(work, ADMIN, ask)
            seen += [it.name for it in found.items]
            tenants.create(work, ADMIN, f"a{len(seen)}")
            if found.next is None:
                break
            ask = Ask(found.next, 2)
    assert seen == ["ant", "bee", *(f"c{number}" for number in range(7))]


def test_rows_of_one_time_are_told_once_each(database: Database, clock: Clock) -> None:
    made: set[str] = set()
    with database.writing() as work:
        for number in range(7):
            work.now += number % 2
            made.add(tokens.issue(work, ADMIN, "ant", Role.VIEWER).token.id)
        seen: list[tuple[float, str]] = []
        ask = Ask(limit=2)
        while True:
            found = tokens.page(work, ADMIN, None, ask)
            seen += [(it.created, it.id) for it in found.items]
            if found.next is None:
                break
            ask = Ask(found.next, 2)
    assert seen == sorted(seen, reverse=True)
    assert ({it for _, it in seen}, len(seen)) == (made, 7)
