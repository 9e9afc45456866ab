"""Secrets: what is stored is sealed, for one place, and is gone when it is deleted."""

import json

import pytest
import sqlalchemy as sa

from blockyard_platform.service.registry import sealed, trail
from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import ForbiddenError, InvalidError, NotFoundError
from blockyard_platform.service.registry.sealed import Place
from blockyard_platform.service.registry.tables import SECRETS

from .conftest import ADMIN, SERVICE, by

BEE = by("admin", "bee")


def seal(value: str, place: Place) -> str:
    return json.dumps([value[::-1], place.tenant, place.name, place.version])


def unseal(text: str, place: Place) -> str:
    value, *where = json.loads(text)
    assert where == [place.tenant, place.name, place.version]
    return str(value)[::-1]


def test_a_secret_is_opened_by_the_service_alone(database: Database) -> None:
    with database.writing() as work:
        made = sealed.put(work, BEE, "bee", "api-key", "hunter2 é\n\x00", seal)
        assert (made.name, made.version, made.author) == ("api-key", 1, "admin-bee")
        found = sealed.reveal(work, Caller.service("bee"), "bee", "api-key", unseal)
        assert found == "hunter2 é\n\x00"
        for caller in (ADMIN, BEE):
            with pytest.raises(ForbiddenError):
                sealed.reveal(work, caller, "bee", "api-key", unseal)
        with pytest.raises(ForbiddenError):
            sealed.put(work, SERVICE, "bee", "api-key", "x", seal)
        with pytest.raises(NotFoundError):
            sealed.reveal(work, SERVICE, "ant", "api-key", unseal)
        with pytest.raises(NotFoundError):
            sealed.reveal(work, Caller.service("ant"), "bee", "api-key", unseal)


def test_an_older_version_is_forgotten_and_no_number_comes_twice(database: Database) -> None:
    with database.writing() as work:
        assert sealed.put(work, BEE, "bee", "key", "one", seal).version == 1
        assert sealed.put(work, BEE, "bee", "key", "two", seal).version == 2
        sealed.put(work, BEE, "bee", "another", "x", seal)
        assert sealed.reveal(work, SERVICE, "bee", "key", unseal) == "two"
        listed = sealed.page(work, BEE, "bee").items
        assert [(it.name, it.version) for it in listed] == [("another", 1), ("key", 2)]
        sealed.delete(work, BEE, "bee", "key")
        with pytest.raises(NotFoundError):
            sealed.reveal(work, SERVICE, "bee", "key", unseal)
        with pytest.raises(NotFoundError):
            sealed.delete(work, BEE, "bee", "key")
        assert [it.name for it in sealed.page(work, BEE, "bee").items] == ["another"]
        assert sealed.put(work, BEE, "bee", "key", "three", seal).version == 4
        held = sa.select(SECRETS.c.sealed).where(SECRETS.c.name == "key")
        rows = work.connection.scalars(held.order_by(SECRETS.c.version)).all()
    assert rows == [None, None, None, seal("three", Place("bee", "key", 4))]


def test_what_a_secret_holds_is_nowhere_told(database: Database) -> None:
    with database.writing() as work:
        made = sealed.put(work, BEE, "bee", "key", "hunter2", seal)
    with database.reading() as looking:
        log = "".join(trail.lines(looking, ADMIN))
    assert "secret/key" in log
    assert "hunter2" not in log + repr(made)
    assert "2retnuh" not in log + repr(made)


@pytest.mark.parametrize("value", ["", "x" * 65_537, "\ud800"])
def test_a_secret_that_cannot_be_is_refused(value: str, database: Database) -> None:
    with database.writing() as work, pytest.raises(InvalidError) as caught:
        sealed.put(work, BEE, "bee", "key", value, seal)
    assert "xxx" not in str(caught.value)


@pytest.mark.parametrize("name", ["", ".", "a b", "a/b", "ä", "a" * 101, "a\n", "\x00"])
def test_a_name_that_cannot_be_is_refused(name: str, database: Database) -> None:
    with database.writing() as work:
        with pytest.raises(InvalidError):
            sealed.put(work, BEE, "bee", name, "x", seal)
        with pytest.raises(NotFoundError):
            sealed.reveal(work, SERVICE, "bee", name, unseal)
        with pytest.raises(NotFoundError):
            sealed.delete(work, BEE, "bee", name)
