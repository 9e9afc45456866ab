"""Tenants, policies, workflows: what is put is read again, in versions."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_platform.service.registry import policies, tenants, workflows
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.differences import difference
from blockyard_platform.service.registry.errors import (
    ConflictError,
    DisabledError,
    InvalidError,
    NotFoundError,
)
from blockyard_platform.service.registry.names import fits
from blockyard_platform.service.registry.paging import Ask
from blockyard_schemas.policy import load_policy, personal_policy
from blockyard_schemas.problems import InvalidDocumentError

from .conftest import ADMIN, DOCUMENT, START, by


def test_a_tenant_is_made_once(database: Database) -> None:
    with database.writing() as work:
        made = tenants.create(work, ADMIN, "cat", "The cats & co")
    assert made == tenants.Tenant("cat", "The cats & co", None, None, "admin-all", START)
    with database.writing() as work, pytest.raises(ConflictError, match="tenant 'cat' already"):
        tenants.create(work, ADMIN, "cat", "others")
    with database.writing() as work:
        assert tenants.rename(work, ADMIN, "cat", "Cats").display == "Cats"
    with database.reading() as work:
        assert [it.name for it in tenants.page(work, ADMIN).items] == ["ant", "bee", "cat"]
        assert [it.name for it in tenants.page(work, by("viewer", "bee")).items] == ["bee"]


def test_who_only_looks_begins_no_transaction_that_is_to_be_rolled_back(database: Database) -> None:
    """With a rollback the driver forgets the statements that it has prepared."""
    if database.engine.dialect.name == "sqlite":
        pytest.skip("its driver has no such transactions")
    for _ in range(2):  # by the same connection
        with database.reading() as work:
            tenants.read(work, ADMIN, "ant")
            driver: Any = work.connection.connection.dbapi_connection
            assert driver.info.transaction_status.name == "IDLE"
        with database.writing() as work:
            tenants.rename(work, ADMIN, "ant", "Ant")
            driver = work.connection.connection.dbapi_connection
            assert driver.info.transaction_status.name == "INTRANS"


@pytest.mark.parametrize(
    "name", ["", "A", "-a", "a-", "a_b", "a" * 64, "a\n", "ä", "a/b", "..", "a\x00"]
)
def test_a_name_that_cannot_be_is_refused(name: str, database: Database) -> None:
    with database.writing() as work, pytest.raises(InvalidError, match="name of a tenant"):
        tenants.create(work, ADMIN, name)
    with database.reading() as work, pytest.raises(NotFoundError):
        tenants.read(work, ADMIN, name)


@given(st.text())
def test_a_name_is_harmless_in_paths_and_addresses(name: str) -> None:
    if fits("workflow", name):
        assert name.isascii()
        assert name.isprintable()
        assert name[0] not in ".-"
        assert not set(name) & set("/\\:?#%&= ")


def test_a_disabled_tenant_is_only_looked_at(database: Database) -> None:
    author = by("author", "ant")
    with database.writing() as work:
        assert tenants.disable(work, ADMIN, "ant", "mines coins").disabled == "mines coins"
    with database.writing() as work, pytest.raises(DisabledError, match="mines coins"):
        workflows.put(work, author, "ant", "other", DOCUMENT)
    with database.writing() as work:
        assert workflows.read(work, author, "ant", "report").version == 1
        assert policies.put(work, ADMIN, "ant", "{}").version == 2
        workflows.put(work, by("author", "bee"), "bee", "other", DOCUMENT)
        assert tenants.enable(work, ADMIN, "ant").disabled is None
        assert workflows.put(work, author, "ant", "other", DOCUMENT).version == 1
    with database.writing() as work, pytest.raises(NotFoundError):
        tenants.enable(work, ADMIN, "ant")


def test_policies_have_versions(database: Database) -> None:
    text = "# ours\nblocks: {text.b*: 1, 'text.*': 2}\ntags: [b, a]\nname: é\n".replace("é", "e")
    with database.writing() as work:
        second = policies.put(work, ADMIN, "ant", text, "more blocks")
        third = policies.put(work, ADMIN, "ant", "{}")
    assert (second.version, second.text, second.note, second.author) == (
        2,
        text,
        "more blocks",
        "admin-all",
    )
    assert second.policy == load_policy(text)
    assert list(second.policy.blocks) == ["text.b*", "text.*"]
    with database.reading() as work:
        assert policies.current(work, by("viewer", "ant"), "ant") == third
        assert policies.current(work, ADMIN, "bee").policy.steps == 5
        listed = policies.page(work, ADMIN, "ant")
    assert [(it.version, it.note) for it in listed.items] == [(3, ""), (2, "more blocks"), (1, "")]


def test_a_policy_is_pinned(database: Database) -> None:
    with database.writing() as work:
        policies.put(work, ADMIN, "ant", "{steps: 6}")
        policies.pin(work, ADMIN, "ant", 1)
        assert policies.current(work, ADMIN, "ant").policy.steps == 5
        assert tenants.read(work, ADMIN, "ant").policy_pin == 1
        policies.put(work, ADMIN, "ant", "{steps: 7}")
        assert policies.current(work, ADMIN, "ant").version == 1
        policies.pin(work, ADMIN, "ant", None)
        assert policies.current(work, ADMIN, "ant").policy.steps == 7
    for version in (0, -1, 4, 2**31, 10**40):
        with database.writing() as work, pytest.raises(NotFoundError):
            policies.pin(work, ADMIN, "ant", version)


def test_a_policy_that_is_none_is_not_stored(database: Database) -> None:
    with database.writing() as work, pytest.raises(InvalidDocumentError) as caught:
        policies.put(work, ADMIN, "ant", "{stepps: 5}")
    assert caught.value.problems[0].pointer == "/stepps"
    with database.reading() as work:
        assert policies.current(work, ADMIN, "ant").version == 1


def test_the_largest_policy_is_read_again(database: Database) -> None:
    text = personal_policy().model_dump_json()
    with database.writing() as work:
        assert policies.put(work, ADMIN, "ant", text).policy == personal_policy()


def test_a_tenant_without_a_policy_has_none(database: Database) -> None:
    with database.writing() as work:
        tenants.create(work, ADMIN, "cat")
        with pytest.raises(NotFoundError, match="policy of the tenant 'cat'"):
            policies.current(work, ADMIN, "cat")


def test_workflows_have_versions(database: Database) -> None:
    author = by("author", "ant")
    changed = DOCUMENT.replace("hello", "bye")
    with database.writing() as work:
        assert workflows.put(work, author, "ant", "report", DOCUMENT).version == 1
        second = workflows.put(work, author, "ant", "report", changed, "politer")
        other = workflows.put(work, author, "ant", "report", "# a comment\n" + changed)
        workflows.put(work, author, "ant", "another", DOCUMENT)
    assert (second.version, second.note, second.text) == (2, "politer", changed)
    assert (other.version, other.digest) == (3, second.digest)
    assert second.document() == {"name": "report", "stages": [{"id": "one", "echo": "bye"}]}
    with database.reading() as work:
        assert workflows.read(work, author, "ant", "report", 1).text == DOCUMENT
        assert workflows.read(work, author, "ant", "report") == other
        assert workflows.read(work, ADMIN, "bee", "report").version == 1
        listed = workflows.page(work, author, "ant").items
        assert [(it.name, it.version) for it in listed] == [("another", 1), ("report", 3)]
        found = workflows.versions(work, author, "ant", "report", Ask(limit=2))
        assert [it.version for it in found.items] == [3, 2]
        found = workflows.versions(work, author, "ant", "report", Ask(found.next, 2))
        assert ([it.version for it in found.items], found.next) == ([1], None)
        assert workflows.diff(work, author, "ant", "report", 2, 3) == ""
        assert workflows.diff(work, author, "ant", "report", 1, 2) == (
            "--- report@1\n+++ report@2\n@@ -1,4 +1,4 @@\n name: report\n stages:\n - id: one\n"
            "-  echo: hello\n+  echo: bye\n"
        )


@pytest.mark.parametrize("text", ["", "[]", "a: [", "x", "a: 1\na: 2", "\x00", "a: \ud800"])
def test_a_workflow_that_is_none_is_not_stored(text: str, database: Database) -> None:
    with database.writing() as work, pytest.raises(InvalidDocumentError):
        workflows.put(work, ADMIN, "ant", "broken", text)
    with database.reading() as work, pytest.raises(NotFoundError):
        workflows.read(work, ADMIN, "ant", "broken")


def test_the_order_of_keys_counts_for_a_digest() -> None:
    assert workflows.digest_of("{a: 1, b: 2}") == workflows.digest_of("a: 1\nb: 2\n")
    assert workflows.digest_of("{a: 1, b: 2}") != workflows.digest_of("{b: 2, a: 1}")
    assert workflows.digest_of("{a: 1}") != workflows.digest_of("{a: 1.0}")


def patched(old: str, patch: str) -> str:
    """Return what a unified diff makes of a text."""
    lines, result, at = old.splitlines(), list[str](), 0
    for line in patch.splitlines()[2:]:
        if line.startswith("@@"):
            first, _, count = line.split(" ")[1][1:].partition(",")
            start = int(first) - (count != "0")
            result += lines[at:start]
            at = start
        elif line.startswith("+"):
            result.append(line[1:])
        else:
            assert lines[at] == line[1:]
            at += 1
            if line.startswith(" "):
                result.append(line[1:])
    return "\n".join(result + lines[at:])


LINES = st.lists(st.sampled_from("abcd"), max_size=30).map("\n".join)


@given(LINES, LINES, st.sampled_from([0, 1, 2_000]))
def test_a_difference_makes_one_text_of_the_other(old: str, new: str, more: int) -> None:
    both = "\n".join(["same"] * 5)
    olds, news = (f"{both}\n{each}\n{both}" for each in (old, new))
    patch = difference(olds, news, "a", "b")
    assert patched(olds, patch) == news
    assert (patch == "") == (old == new)
    # Beyond a thousand lines between the first and the last difference, all of it is replaced.
    long = "\n".join(f"{n}" for n in range(more))
    olds, news = (f"{each}\n{long}\n{each}\nend" for each in (olds, news))
    patch = difference(olds, news, "a", "b")
    assert patched(olds, patch) == news
