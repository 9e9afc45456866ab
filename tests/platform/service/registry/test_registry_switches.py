"""Kill switches: whatever the spelling, and whoever set them."""

import pytest

from blockyard_platform.service.registry import switches, tenants
from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import (
    ForbiddenError,
    InvalidError,
    NotFoundError,
    QuotaError,
)
from blockyard_platform.service.registry.switches import SwitchKind, lift, stop, stops

from .conftest import ADMIN, SERVICE, START, by

TENANT, WORKFLOW, BLOCK, IMAGE, PACKAGE = SwitchKind
DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("kind", "name", "stopped", "free"),
    [
        (WORKFLOW, "report", ["report"], ["Report", "report2", "repor"]),
        (BLOCK, "http.request", ["http.request"], ["http", "http.request2", "http.requests.x"]),
        (BLOCK, "http.*", ["http.get", "http.v2.get"], ["http", "https.get", "x.http.get"]),
        (
            PACKAGE,
            "Evil_Pack.age",
            ["evil-pack-age", "EVIL.PACK_AGE", "evil--pack-age"],
            ["evil", "evilpackage"],
        ),
        (
            IMAGE,
            "alpine",
            ["alpine", "alpine:3.20", "docker.io/library/alpine:1", f"alpine@{DIGEST}"],
            ["alpine2", "other/alpine", "registry.example/library/alpine"],
        ),
        (
            IMAGE,
            "index.docker.io/library/alpine:3.20",
            ["alpine:3.20", f"alpine:3.20@{DIGEST}"],
            ["alpine", "alpine:3.21"],
        ),
        (IMAGE, "alpine:latest", ["alpine", "alpine:latest"], ["alpine:3"]),
        (IMAGE, f"alpine@{DIGEST}", [f"alpine@{DIGEST}", f"alpine:3@{DIGEST}"], ["alpine:3"]),
        (IMAGE, "registry.example:5000/a/b", ["registry.example:5000/a/b:1"], ["a/b:1"]),
    ],
)
def test_a_switch_stops_what_it_names(
    kind: SwitchKind, name: str, stopped: list[str], free: list[str], database: Database
) -> None:
    with database.writing() as work:
        made = stop(work, ADMIN, kind, name, "harms")
        for each in stopped:
            assert stops(work, SERVICE, "ant", [(kind, each)]) == (made,), each
        for each in free:
            assert stops(work, SERVICE, "ant", [(kind, each)]) == (), each
        other = WORKFLOW if kind is BLOCK else BLOCK
        assert stops(work, SERVICE, "ant", [(other, each) for each in stopped]) == ()
        lift(work, ADMIN, kind, name)
        assert stops(work, SERVICE, "ant", [(kind, each) for each in stopped]) == ()


def test_a_switch_is_for_one_tenant_or_for_all(database: Database) -> None:
    uses = [(BLOCK, "http.get"), (BLOCK, "text.upper")]
    with database.writing() as work:
        own = stop(work, by("operator", "ant"), BLOCK, "http.get", "ours")
        for_bee = stop(work, ADMIN, BLOCK, "text.upper", "theirs", tenant="bee")
        for_all = stop(work, ADMIN, BLOCK, "http.*", "everybody's")
        assert stops(work, SERVICE, "ant", uses) == (for_all, own)
        assert stops(work, SERVICE, "bee", uses) == (for_all, for_bee)
        assert (own.owner, own.tenant, own.author) == ("ant", "ant", "operator-ant")
        assert (for_bee.owner, for_bee.tenant, for_all.tenant) == (None, "bee", None)
        assert switches.page(work, by("viewer", "ant")).items == (for_all, own)


def test_what_the_platform_has_stopped_a_tenant_cannot_lift(database: Database) -> None:
    mine = by("admin", "bee")
    with database.writing() as work:
        theirs = stop(work, ADMIN, BLOCK, "x", "the platform's", tenant="bee")
        own = stop(work, mine, BLOCK, "x", "bee's own")
        assert stops(work, SERVICE, "bee", [(BLOCK, "x")]) == (theirs, own)
        lift(work, mine, BLOCK, "x")
        assert stops(work, SERVICE, "bee", [(BLOCK, "x")]) == (theirs,)
        for owner in (None, "", "bee", "ant"):
            with pytest.raises(NotFoundError):
                lift(work, mine, BLOCK, "x", owner=owner)
            with pytest.raises(NotFoundError):
                lift(work, mine, BLOCK, "x", tenant="bee", owner=owner)
        lift(work, ADMIN, BLOCK, "x", tenant="bee")
        stop(work, mine, BLOCK, "x", "bee's own")
        with pytest.raises(NotFoundError):
            lift(work, ADMIN, BLOCK, "x", tenant="bee")
        lift(work, ADMIN, BLOCK, "x", tenant="bee", owner="bee")
        assert stops(work, SERVICE, "bee", [(BLOCK, "x")]) == ()


def test_a_tenant_is_stopped_as_a_whole(database: Database) -> None:
    with database.writing() as work:
        found = stop(work, ADMIN, TENANT, "ant", "mines coins", tenant="ant")
        stop(work, ADMIN, BLOCK, "a", "harms")
        told = stops(work, Caller.service("ant"), "ant", [(BLOCK, "a")])
        assert [it.name for it in told] == ["ant", "a"]
        assert stops(work, SERVICE, "ant", []) == (found,)
        assert stops(work, SERVICE, "bee", []) == ()
        assert tenants.read(work, ADMIN, "ant").disabled == "mines coins"
        with pytest.raises(ForbiddenError):
            stop(work, by("admin", "bee"), TENANT, "bee", "on leave")
        with pytest.raises(InvalidError):
            stop(work, ADMIN, TENANT, "bee", "mixed up", tenant="ant")
        with pytest.raises(InvalidError):
            stop(work, ADMIN, TENANT, "ant", "for all")


def test_a_reason_is_replaced_and_told(database: Database) -> None:
    with database.writing() as work:
        stop(work, ADMIN, BLOCK, "x", "first")
        assert stop(work, ADMIN, BLOCK, "x", "second").created == START
        assert [it.reason for it in switches.page(work, ADMIN).items] == ["second"]
        for reason in ("", "x" * 1_001, "a\x00b", "\ud800"):
            with pytest.raises(InvalidError):
                stop(work, ADMIN, BLOCK, "x", reason)
        for image in ("UPPER", "a b", "", "alpine:"):
            with pytest.raises(InvalidError):
                stop(work, ADMIN, IMAGE, image, "harms")
            with pytest.raises(NotFoundError):
                lift(work, ADMIN, IMAGE, image)


def test_a_tenant_cannot_fill_the_table(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switches, "MOST", 3)
    with database.writing() as work:
        for number in range(3):
            stop(work, by("operator", "ant"), BLOCK, f"b{number}", "harms")
        with pytest.raises(QuotaError, match="3 switches"):
            stop(work, by("operator", "ant"), BLOCK, "b3", "harms")
        stop(work, by("operator", "bee"), BLOCK, "b3", "harms")
        stop(work, ADMIN, BLOCK, "b3", "harms", tenant="ant")
