"""Who may look at and change what the scheduler has: every role, another tenant, and every page."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blockyard_platform.service import scheduler
from blockyard_platform.service.registry.access import enter
from blockyard_platform.service.registry.callers import Action, Caller, Role
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import (
    ForbiddenError,
    InvalidError,
    NotFoundError,
    QuotaError,
)
from blockyard_platform.service.registry.paging import Ask
from blockyard_platform.service.scheduler import orders, outgoing, subscriptions
from blockyard_platform.service.scheduler.orders import Waiting
from blockyard_platform.service.scheduler.subscriptions import Subscription
from blockyard_platform.service.scheduler.tables import OUTGOING

from .conftest import SERVICE, START, by, every

URL = "https://hooks.example/told"
ROLES = {"A": "admin", "O": "operator", "W": "author", "V": "viewer", "S": "service"}
Do = Callable[[Any, Caller, str], Any]

CALLS: dict[str, tuple[str, Do]] = {
    "subscriptions.put": ("AW", lambda w, c, t: put(w, c, t, "new")),
    "subscriptions.page": ("AOWVS", lambda w, c, t: subscriptions.page(w, c, t)),
    "subscriptions.delete": ("AW", lambda w, c, t: subscriptions.delete(w, c, t, "s")),
    "outgoing.page": ("AOWVS", lambda w, c, t: outgoing.page(w, c, t)),
    "outgoing.again": ("AW", lambda w, c, t: outgoing.again(w, c, t, f"{t:0>32}")),
    "orders.page": ("AOWVS", lambda w, c, t: orders.page(w, c, t)),
}


def put(work: Any, caller: Caller, tenant: str, name: str = "s", **more: Any) -> Subscription:
    given: dict[str, Any] = {"url": URL, "events": ["run.failed"], "secret": "KEY"}
    given |= more
    return subscriptions.put(work, caller, tenant, name, **given)


@pytest.fixture
def filled(database: Database) -> Database:
    """Return a database in which each tenant has one of everything."""
    with database.writing() as work:
        for tenant in ("ant", "bee"):
            put(work, by("admin", tenant), tenant)
            outgoing.tell(work, enter(work, SERVICE, Action.HOOKS_SEND, tenant), "run.failed", {})
            row = OUTGOING.update().where(OUTGOING.c.tenant == tenant)
            work.change(row.values(id=f"{tenant:0>32}", due=None))
            orders.add(work, SERVICE, Waiting(tenant, "k", "w", "after/r/1", 1.0))
    return database


class Undo(Exception):
    """Undoes what was done."""


def outcome(database: Database, do: Do, caller: Caller, tenant: str) -> str:
    """Return what a call comes to, undone."""
    try:
        with database.writing() as work:
            do(work, caller, tenant)
            raise Undo
    except (Undo, ForbiddenError, NotFoundError) as error:
        return type(error).__name__


@pytest.mark.parametrize("letter", ROLES)
def test_each_role_may_do_what_it_may_to_its_own(letter: str, filled: Database) -> None:
    for name, (may, do) in CALLS.items():
        for caller in (by(ROLES[letter], "ant"), by(ROLES[letter])):
            told = {
                tenant: outcome(filled, do, caller, tenant) for tenant in ("ant", "bee", "none")
            }
            if letter not in may:
                assert set(told.values()) == {"ForbiddenError"}, name
                continue
            assert (told["ant"], told["none"]) == ("Undo", "NotFoundError"), name
            assert told["bee"] == ("NotFoundError" if caller.tenant else "Undo"), name


def test_a_scope_is_needed(filled: Database) -> None:
    for name, (_, do) in CALLS.items():
        nothing = Caller("ant", Role.ADMIN, frozenset({"runs:*"}), "t")
        assert outcome(filled, do, nothing, "ant") == "ForbiddenError", name


def test_pages_hold_the_callers_own_alone(filled: Database) -> None:
    with filled.reading() as work:
        for page in (subscriptions.page, outgoing.page, orders.page):
            assert {it.tenant for it in page(work, by("viewer", "ant")).items} == {"ant"}
            one = page(work, by("viewer"), None, Ask(None, 1))
            two = page(work, by("viewer"), None, Ask(one.next, 1))
            assert {it.tenant for it in (*one.items, *two.items)} == {"ant", "bee"}
            assert two.next is None


def test_statements_are_made_of_a_scope() -> None:
    """A query that does not come from one would reach all tenants."""
    counts = {"sa.select"}  # of what a scope has selected
    allowed = {"outgoing": counts | {"inserting"}, "deliveries": counts}
    watched = {
        "Scope",
        "everybody",
        "work.insert",
        "inserting",
        "sa.text",
        "sa.select",
        "sa.update",
        "sa.delete",
        "sa.insert",
    }
    assert scheduler.__file__ is not None
    for file in Path(scheduler.__file__).parent.glob("*.py"):
        calls = {
            ast.unparse(node.func)
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Call)
        }
        assert calls & watched <= allowed.get(file.stem, set()), file.name


def test_a_subscription_is_changed_as_a_whole(database: Database) -> None:
    with database.writing() as work:
        put(work, by("author", "ant"), "ant", events=["run.failed", "run.succeeded"])
        found = put(
            work,
            by("author", "ant"),
            "ant",
            url="HTTPS://Hooks.Example:443/x y?".replace(" ", "%20"),
            enabled=False,
        )
    assert found == Subscription(
        "ant", "s", "https://hooks.example/x%20y", ("run.failed",), "KEY", False, "author-ant", START
    )  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://a.example/"},
        {"url": "https://user:pass@a.example/"},
        {"url": "file:///etc/passwd"},
        {"url": "https://a.example/\r\nHost: b"},
        {"url": "x" * 9_000},
        {"events": []},
        {"events": ["run.faild"]},
        {"secret": "not a name"},
        {"secret": ""},
        {"name": "../x"},
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any], database: Database) -> None:
    with database.writing() as work, pytest.raises(InvalidError):
        put(work, by("admin", "ant"), "ant", **wrong)


def test_there_are_only_so_many(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "MOST", 2)
    with database.writing() as work:
        for name in ("a", "b", "a"):
            put(work, by("admin", "ant"), "ant", name)
        with pytest.raises(QuotaError):
            put(work, by("admin", "ant"), "ant", "c")
        put(work, by("admin", "bee"), "bee", "c")


def test_what_was_to_be_sent_goes_with_its_subscription(filled: Database) -> None:
    with filled.writing() as work:
        subscriptions.delete(work, by("admin", "ant"), "ant", "s")
        with pytest.raises(NotFoundError):
            subscriptions.delete(work, by("admin", "ant"), "ant", "s")
    assert [it.tenant for it in every(filled, OUTGOING)] == ["bee"]
