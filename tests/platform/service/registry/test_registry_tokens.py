"""Tokens: shown once, stored as a hash, worth no more than their maker."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blockyard_platform.service.registry import tokens, trail
from blockyard_platform.service.registry.callers import Action, Caller, Role
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import (
    AuthenticationError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from blockyard_platform.service.registry.tables import TOKENS
from blockyard_platform.store.errors import StoreError

from .conftest import ADMIN, SERVICE, START, Clock, by


def issue(database: Database, tenant: str | None = "ant", role: str = "viewer") -> tokens.Issued:
    with database.writing() as work:
        return tokens.issue(work, ADMIN, tenant, Role(role))


def test_a_token_says_who_holds_it(database: Database) -> None:
    with database.writing() as work:
        scopes = {"workflows:*", "runs:read"}
        made = tokens.issue(work, ADMIN, "ant", Role.AUTHOR, label="ci", scopes=scopes)
    holder = tokens.authenticate(database, made.text)
    assert holder == Caller("ant", Role.AUTHOR, frozenset(scopes), made.token.id)
    assert holder.names == {"author", "ci", made.token.id}
    assert holder.actions() == {
        Action.WORKFLOWS_READ,
        Action.WORKFLOWS_WRITE,
        Action.RUNS_READ,
    }
    assert made.text == f"by_{made.token.id}_{made.text[-64:]}"
    assert (made.token.label, made.token.author, made.token.used) == ("ci", "admin-all", None)


def test_the_database_has_no_secret(database: Database) -> None:
    made = issue(database)
    with database.reading() as work:
        row = work.connection.execute(sa.select(TOKENS)).one()
    assert made.text[-64:] not in str(tuple(row))
    assert len(row.hash) == 64


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=50,
)
@given(st.one_of(st.text(), st.from_regex(r"by_[0-9a-f]{16}_[0-9a-f]{64}")))
def test_a_text_that_is_no_token_is_refused(database: Database, text: str) -> None:
    with pytest.raises(AuthenticationError, match="the token is not valid"):
        tokens.authenticate(database, text)


def test_a_token_must_be_right_to_the_last_character(database: Database) -> None:
    made, other = issue(database), issue(database)
    text = made.text
    wrong = [text[:-1], text + "0", text.upper(), f" {text}", f"{text}\n", text[3:], ""]
    wrong += [text[:-1] + ("0" if text[-1] != "0" else "1"), text[:20] + other.text[20:]]
    wrong += [f"by_{made.token.id}_{'0' * 64}", f"by_{'0' * 16}_{'0' * 64}"]
    for each in wrong:
        with pytest.raises(AuthenticationError):
            tokens.authenticate(database, each)
    assert tokens.authenticate(database, text).token_id == made.token.id


def test_a_token_ends(database: Database, clock: Clock) -> None:
    with database.writing() as work:
        made = tokens.issue(work, ADMIN, "ant", Role.VIEWER, expires=START + 10)
    clock.now = START + 9.5
    assert tokens.authenticate(database, made.text).tenant == "ant"
    clock.now = START + 10
    with pytest.raises(AuthenticationError):
        tokens.authenticate(database, made.text)
    for expires in (START, 0.0, float("nan"), float("inf"), 1e30):
        with database.writing() as work, pytest.raises(InvalidError):
            tokens.issue(work, ADMIN, "ant", Role.VIEWER, expires=expires)


def test_a_token_makes_none_that_outlasts_it(database: Database) -> None:
    """Who was let in for a day does not stay by a token of their own making."""
    until = START + 86_400
    with database.writing() as work:
        short = tokens.issue(work, ADMIN, "ant", Role.ADMIN, expires=until)
    caller = tokens.authenticate(database, short.text)
    for expires in (None, until + 0.5, until * 2):
        with database.writing() as work, pytest.raises(ForbiddenError, match="outlast") as failure:
            tokens.issue(work, caller, "ant", Role.VIEWER, expires=expires)
        assert failure.value.problems[0].hint == "have it expire by 2027-01-16T08:00:00+00:00"
    with database.writing() as work:
        made = tokens.issue(work, caller, "ant", Role.ADMIN, expires=until)
    assert made.token.expires == until
    again = tokens.authenticate(database, made.text)
    with database.writing() as work, pytest.raises(ForbiddenError, match="outlast"):
        tokens.issue(work, again, "ant", Role.VIEWER)


def test_a_token_is_revoked_for_good(database: Database, clock: Clock) -> None:
    made = issue(database)
    clock.now += 1
    with database.writing() as work:
        assert tokens.revoke(work, by("admin", "ant"), made.token.id).revoked == START + 1
    with pytest.raises(AuthenticationError):
        tokens.authenticate(database, made.text)
    clock.now += 1
    with database.writing() as work:
        assert tokens.revoke(work, ADMIN, made.token.id).revoked == START + 1
    with database.reading() as work:
        told = [it["action"] for it in trail.page(work, ADMIN).items]
    assert told.count("tokens.revoke") == 1


def test_use_is_noted_to_the_minute(database: Database, clock: Clock) -> None:
    made = issue(database)
    seen: list[float | None] = []
    for seconds in (0, 30, 59, 61, 100):
        clock.now = START + seconds
        tokens.authenticate(database, made.text)
        with database.reading() as work:
            seen.append(tokens.read(work, ADMIN, made.token.id).used)
    assert seen == [START, START, START, START + 61, START + 61]


def test_a_token_is_worth_no_more_than_its_maker(database: Database) -> None:
    narrow = by("admin", "ant", "tokens:*", "runs:read")
    with database.writing() as work:
        made = tokens.issue(work, narrow, "ant", Role.ADMIN, scopes={"runs:read"})
        assert made.token.scopes == {"runs:read"}
        refused: list[tuple[Caller, str | None, str, set[str]]] = [
            (narrow, "ant", "admin", {"*"}),
            (narrow, "ant", "viewer", {"runs:*", "usage:read"}),
            (by("admin", "ant"), None, "viewer", {"*"}),
            (by("admin", "ant"), "ant", "service", {"*"}),
            (ADMIN, None, "service", {"*"}),
            (by("author", "ant"), "ant", "viewer", {"*"}),
            (SERVICE, "ant", "viewer", {"*"}),
        ]
        for caller, tenant, role, scopes in refused:
            with pytest.raises(ForbiddenError):
                tokens.issue(work, caller, tenant, Role(role), scopes=scopes)
        with pytest.raises(NotFoundError, match="no tenant 'bee'"):
            tokens.issue(work, by("admin", "ant"), "bee", Role.VIEWER)
        with pytest.raises(InvalidError, match="no scope 'runs'"):
            tokens.issue(work, ADMIN, "ant", Role.VIEWER, scopes={"runs"})


def test_the_first_token_is_made_once(database: Database) -> None:
    barrier = Barrier(6)

    def begin(_: int) -> tokens.Issued | None:
        barrier.wait()
        with database.writing() as work:
            return tokens.first(work, SERVICE)

    with ThreadPoolExecutor(6) as pool:
        made = [it for it in pool.map(begin, range(6)) if it is not None]
    assert len(made) == 1
    holder = tokens.authenticate(database, made[0].text)
    assert (holder.tenant, holder.role) == (None, Role.ADMIN)
    with database.writing() as work:
        tokens.revoke(work, ADMIN, made[0].token.id)
        assert tokens.first(work, SERVICE) is None
        with pytest.raises(ForbiddenError):
            tokens.first(work, Caller.service("ant"))
        with pytest.raises(ForbiddenError):
            tokens.first(work, ADMIN)


def test_tokens_are_revoked_at_once(database: Database) -> None:
    made = [issue(database), issue(database)]
    barrier = Barrier(8)

    def end(number: int) -> float | None:
        barrier.wait()
        with database.writing() as work:
            return tokens.revoke(work, ADMIN, made[number % 2].token.id).revoked

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(end, range(8))) == [START] * 8
    for each in made:
        with pytest.raises(AuthenticationError):
            tokens.authenticate(database, each.text)
    with database.reading() as work:
        told = [it["object"] for it in trail.page(work, ADMIN).items if "revoke" in it["action"]]
    assert sorted(told) == sorted(f"token/{it.token.id}" for it in made)


def test_tokens_are_listed_the_latest_first(database: Database, clock: Clock) -> None:
    first = issue(database).token
    clock.now += 1
    second = issue(database, None).token
    third = issue(database, "bee").token
    with database.reading() as work:
        ids = [it.id for it in tokens.page(work, ADMIN).items]
        assert set(ids[:2]) == {second.id, third.id}
        assert ids[2] == first.id
        assert tokens.page(work, by("admin", "ant")).items == (first,)
        assert tokens.page(work, ADMIN, "bee").items == (third,)


def test_who_looks_is_let_in_although_nothing_can_be_written(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = issue(database)

    def fail() -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(database, "writing", fail)
        assert tokens.authenticate(database, made.text).token_id == made.token.id
    with database.reading() as work:
        assert tokens.read(work, ADMIN, made.token.id).used is None


def test_who_has_lost_the_admins_token_gets_another(database: Database) -> None:
    with database.writing() as work:
        lost = tokens.first(work, SERVICE)
        assert lost is not None
        issued = tokens.rescue(work, SERVICE)
    holder = tokens.authenticate(database, issued.text)
    assert (holder.tenant, holder.role, holder.scopes) == (None, Role.ADMIN, frozenset("*"))
    with database.writing() as work:
        tokens.revoke(work, holder, lost.token.id)
        with pytest.raises(ForbiddenError):
            tokens.rescue(work, holder)
    with database.reading() as work:
        told = [it["action"] for it in trail.page(work, ADMIN).items]
    assert told[:2] == ["tokens.revoke", "tokens.issue"]
    with pytest.raises(AuthenticationError):
        tokens.authenticate(database, lost.text)
