"""The audit log: a chain that nobody can change unseen, and that many can write to at once."""

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_platform.service.registry import audit, tenants, tokens, trail
from blockyard_platform.service.registry.audit import BEGINNING, Head, verify
from blockyard_platform.service.registry.callers import Role
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import ForbiddenError, InvalidError
from blockyard_platform.service.registry.paging import Ask
from blockyard_platform.store.errors import StoreError

from .conftest import ADMIN, by

Row = dict[str, Any]


def exported(database: Database) -> tuple[list[str], Head]:
    with database.reading() as work:
        return list(trail.lines(work, ADMIN)), trail.head(work, ADMIN)


def chain(count: int) -> tuple[list[Row], Head]:
    """Return a log that no database has seen."""
    rows: list[Row] = []
    head = BEGINNING
    for seq in range(1, count + 1):
        row: Row = {"seq": seq, "at": audit.stamp(seq), "who": "w", "tenant": None, "action": "a"}
        row |= {"object": f"o{seq}", "details": {"n": seq, "é": ["\x00"]}, "previous": head.hash}
        row["hash"] = audit.hash_of(head.hash, row)
        head = Head(seq, row["hash"])
        rows.append(row)
    return rows, head


def test_what_is_done_is_told(database: Database) -> None:
    lines, head = exported(database)
    rows = [json.loads(line) for line in lines]
    told = [(it["seq"], it["tenant"], it["who"], it["action"], it["object"]) for it in rows]
    assert told[:4] == [
        (1, "ant", "admin-all", "tenants.create", "ant"),
        (2, "ant", "admin-all", "policies.put", "version/1"),
        (3, "ant", "author-ant", "workflows.put", "workflow/report/1"),
        (4, "bee", "admin-all", "tenants.create", "bee"),
    ]
    assert rows[0]["at"] == "2027-01-15T08:00:00.250000Z"
    assert rows[0]["details"] == {"display": "ant"}
    assert rows[0]["previous"] == "0" * 64
    assert (len(rows), rows[-1]["hash"]) == (head.seq, head.hash)
    assert verify(audit.read_lines(lines), head) is None


def test_what_is_undone_is_not_told(database: Database) -> None:
    def fail(name: str) -> None:
        with database.writing() as work:
            tenants.create(work, ADMIN, name)
            raise RuntimeError(name)

    before = exported(database)
    with pytest.raises(RuntimeError, match="dog"):
        fail("dog")
    assert exported(database) == before
    with database.reading() as work:
        assert "dog" not in [it.name for it in tenants.page(work, ADMIN).items]


def test_a_known_chain_has_known_hashes() -> None:
    """The form is a promise to whoever verifies a log with other means, and in years."""
    rows, _ = chain(2)
    body = (
        '{"action":"a","at":"1970-01-01T00:00:01.000000Z","details":{"n":1,"\\u00e9":["\\u0000"]},'
    )
    body += '"object":"o1","seq":1,"tenant":null,"who":"w"}'
    assert rows[0]["hash"] == hashlib.sha256(("0" * 64 + body).encode()).hexdigest()
    assert rows[1]["previous"] == rows[0]["hash"]


CHANGES: list[Callable[[Row], Any]] = [
    lambda row: row.update(who="x"),
    lambda row: row.update(tenant="ant"),
    lambda row: row.update(at=audit.stamp(9)),
    lambda row: row.update(details={}),
    lambda row: row.update(action="b"),
    lambda row: row.update(object="o"),
    lambda row: row.update(seq=7),
    lambda row: row.update(seq=float(row["seq"])),
    lambda row: row.update(hash="0" * 64),
    lambda row: row.update(previous="1" * 64),
    lambda row: row.update(extra=1),
    lambda row: row.pop("who"),
    lambda row: row.update(who=float("nan")),
    lambda row: row.clear(),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("at", [0, 2, 4])
def test_a_row_that_was_changed_is_found(change: Callable[[Row], Any], at: int) -> None:
    rows, head = chain(5)
    change(rows[at])
    assert verify(rows) == at
    assert verify(rows, head) == at


def test_a_row_that_was_changed_with_its_hash_breaks_the_next() -> None:
    rows, head = chain(5)
    rows[1]["who"] = "x"
    rows[1]["hash"] = audit.hash_of(rows[1]["previous"], rows[1])
    assert verify(rows) == 2
    last = rows[4]
    rows, head = chain(5)
    rows[4] = last | {"who": "x", "previous": rows[3]["hash"]}
    rows[4]["hash"] = audit.hash_of(rows[3]["hash"], rows[4])
    assert verify(rows) is None
    assert verify(rows, head) == 4


@given(st.integers(0, 6), st.integers(0, 6))
def test_rows_that_are_taken_swapped_or_doubled_are_found(one: int, other: int) -> None:
    rows, head = chain(7)
    assert verify(rows, head) is None
    without = rows[:one] + rows[one + 1 :]
    assert verify(without, head) == one
    assert verify(without) == (one if one < 6 else None)
    swapped = list(rows)
    swapped[one], swapped[other] = rows[other], rows[one]
    assert verify(swapped) == (None if one == other else min(one, other))
    assert verify([*rows[: one + 1], *rows[one:]]) == one + 1


@given(st.integers(0, 7))
def test_an_end_that_is_cut_off_is_told_by_a_head_from_elsewhere(count: int) -> None:
    rows, head = chain(7)
    assert verify(rows[:count]) is None
    assert verify(rows[:count], head) == (count if count < 7 else None)
    # A log that has grown since its head was noted is whole, too; and one that was written anew is not.
    assert verify(rows, Head(count, rows[count - 1]["hash"]) if count else BEGINNING) is None
    if count:
        assert verify(rows, Head(count, "f" * 64)) == count - 1


def test_a_later_part_is_verified_from_where_it_begins() -> None:
    rows, head = chain(6)
    base = Head(3, rows[2]["hash"])
    assert verify(rows[3:], head, base) is None
    assert verify(rows[3:], head) == 0
    assert verify(rows[4:], head, base) == 0


@pytest.mark.parametrize("line", ["", "{", "[]", "null", '{"seq":1}', "[" * 100_000])
def test_a_line_that_is_no_row_is_found(line: str) -> None:
    rows, head = chain(3)
    lines = [audit.as_line(row) for row in rows]
    assert verify(audit.read_lines(lines), head) is None
    assert verify(audit.read_lines([lines[0], line, *lines[2:]]), head) == 1


def test_a_key_that_stands_twice_is_found() -> None:
    rows, _ = chain(2)
    line = audit.as_line(rows[0])
    doubled = line.replace('"who":"w"', '"who":"x","who":"w"')
    assert doubled != line
    assert verify(audit.read_lines([line])) is None
    assert verify(audit.read_lines([doubled])) == 0


def test_many_write_at_once_and_the_chain_has_no_fork(database: Database) -> None:
    before = exported(database)[1]

    def work_on(number: int) -> None:
        with database.writing() as work:
            tenants.create(work, ADMIN, f"t{number}")
            tenants.rename(work, ADMIN, f"t{number}", "again")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work_on, range(24)))
    lines, head = exported(database)
    assert head.seq == before.seq + 48
    assert verify(audit.read_lines(lines), head) is None
    objects = [json.loads(line)["object"] for line in lines[before.seq :]]
    assert objects[::2] == objects[1::2]
    assert sorted(objects[::2]) == sorted(f"t{number}" for number in range(24))


def test_a_tenant_sees_its_own_rows_alone(database: Database) -> None:
    admin = by("admin", "bee")
    with database.reading() as work:
        own = trail.page(work, admin).items
        assert {it["tenant"] for it in own} == {"bee"}
        assert [it["seq"] for it in own] == [6, 5, 4]
        assert [json.loads(it)["seq"] for it in trail.lines(work, admin)] == [4, 5, 6]
        first = trail.page(work, ADMIN, "ant", Ask(limit=2), latest_first=False)
        assert [it["seq"] for it in first.items] == [1, 2]
        with pytest.raises(InvalidError, match="no cursor of this listing"):
            trail.page(work, ADMIN, "ant", Ask(first.next))
        with pytest.raises(ForbiddenError):
            trail.head(work, admin)


def test_a_secret_token_is_not_told(database: Database) -> None:
    with database.writing() as work:
        issued = tokens.issue(work, ADMIN, "ant", Role.VIEWER, label="mine")
    secret = issued.text.rpartition("_")[2]
    lines, _ = exported(database)
    assert secret not in "".join(lines)
    assert issued.token.id in lines[-1]
    assert secret not in repr(issued)


def test_details_that_are_no_plain_data_undo_what_was_done(database: Database) -> None:
    def note() -> None:
        with database.writing() as work:
            tenants.create(work, ADMIN, "cat")
            work.note(ADMIN, None, "x", "y", wrong=float("inf"))

    before = exported(database)
    with pytest.raises(StoreError, match="no plain data"):
        note()
    assert exported(database) == before
