"""The admin's secrets in a policy: headers of hosts, and URLs of databases, which no tenant sees."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from blockyard_schemas.policy import load_policy
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.statuses import Code

from .conftest import Site, Use, reply

TOKEN = "admins-own-t0ken"  # noqa: S105  (made up)
HELD = {"secrets_held": {"admin/API": TOKEN, "admin/BAD": "a\r\nb: c", "API": "of the tenant"}}


def rules(site: Site, **more: Any) -> dict[str, Any]:
    rule = {"host": "127.0.0.1", "ports": [site.port], "secret": "API", "plain": True, **more}
    return {"hosts": [site.rule()], "http": {"headers": [rule]}, **HELD}


async def test_a_host_is_sent_the_header_of_the_policy(use: Use, site: Site) -> None:
    site.answers["/"] = reply(200, f"you sent {TOKEN}".encode(), X_Echo=f"Bearer {TOKEN}")
    given = {"url": site.url(), "headers": {"Authorization": "Bearer mine"}}
    record = await use("http.request", given, **rules(site))
    assert site.head("authorization") == f"Bearer {TOKEN}"
    result = record.outputs["result"]
    assert (result["body"], result["headers"]["x-echo"]) == ("you sent ***", "Bearer ***")
    await use("http.request", given, **rules(site, header="X-Key", prefix=""))
    assert (site.head("x-key"), site.head("authorization")) == (TOKEN, "Bearer mine")


@pytest.mark.parametrize("more", [{"plain": False}, {"ports": [1]}, {"host": "*.example.com"}])
async def test_no_other_place_is_sent_it(use: Use, site: Site, more: dict[str, Any]) -> None:
    await use("http.request", {"url": site.url()}, **rules(site, **more))
    assert site.head("authorization") is None


async def test_a_redirect_takes_it_nowhere(use: Use, site: Site, other: Site) -> None:
    site.answers["/"] = reply(302, Location=other.url("/x"))
    other.answers["/x"] = reply(200)
    policy = rules(site)
    policy["hosts"].append(other.rule())
    record = await use("http.request", {"url": site.url()}, **policy)
    assert record.outputs["result"]["status"] == 200
    assert site.head("authorization") == f"Bearer {TOKEN}"
    assert other.head("authorization") is None


@pytest.mark.parametrize(
    ("secret", "words"),
    [("BAD", "the admin's secret 'BAD' cannot stand in a header"), ("NONE", "there is no secret")],
)
async def test_a_secret_that_cannot_be_used(use: Use, site: Site, secret: str, words: str) -> None:
    record = await use("http.request", {"url": site.url()}, **rules(site, secret=secret))
    assert record.error is not None
    assert words in record.error["message"]
    assert site.asked == []


async def test_a_tenant_does_not_reach_an_admins_secret_by_its_name(use: Use, site: Site) -> None:
    site.answers["/"] = reply(200)
    given = {"url": site.url(), "headers": {"X-A": {"secret": "API"}}}
    policy = {**rules(site), "secrets": ["*"]}
    await use("http.request", given, **policy)
    assert site.head("x-a") == "of the tenant"


async def test_the_url_of_a_database_is_a_secret(use: Use, tmp_path: Path) -> None:
    file = tmp_path / "sales.db"
    with closing(sqlite3.connect(file)) as base:
        base.execute("create table sums (url text)")
        base.execute("insert into sums values (?)", (f"sqlite:///{file}",))
        base.commit()
    policy = {
        "connections": [{"name": "sales", "url_secret": "SALES"}],
        "secrets_held": {"admin/SALES": f"sqlite:///{file}"},
    }
    given = {"connection": "sales", "statement": "select url from sums"}
    record = await use("sql.query", given, **policy)
    assert record.outputs["result"]["rows"] == [{"url": "***"}]
    policy["secrets_held"] = {"admin/SALES": "no url"}
    record = await use("sql.query", given, **policy)
    assert record.code is Code.UNHANDLED_EXCEPTION
    policy.pop("secrets_held")
    record = await use("sql.query", given, **policy)
    assert record.error is not None
    assert record.error["message"] == "there are no secrets here, and 'admin/SALES' is wanted"


@pytest.mark.parametrize(
    "text",
    [
        "connections: [{name: a, url_env: A, url_secret: B}]",
        "connections: [{name: a}]",
        "connections: [{name: a, url_secret: admin/B}]",
        'http: {headers: [{host: a.test, secret: A, prefix: "x\\r\\ny: "}]}',
        "http: {headers: [{host: a.test, secret: A, header: 'x: y'}]}",
        "mail: [{name: a, host: h, senders: []}]",
        "mail: [{name: a, host: h, senders: [a@b], username: me}]",
        "mail: [{name: a, host: h, senders: [a@b], password_secret: P}]",
        "mail: [{name: a, host: h, senders: ['a@b\\nc']}]",
        "mail: [{name: a, host: h, senders: [a@b], security: maybe}]",
        "webhooks: [{name: a}]",
        "webhooks: [{name: a, url: 'https://a.test/', url_secret: U}]",
        "webhooks: [{name: a, url: 'ftp://a.test/'}]",
        "webhooks: [{name: a, url: 'https://user@a.test/'}]",
        "webhooks: [{name: a, url: 'https://a.test/', attempts: 11}]",
        "secrets: ['a b']",
        "secrets: ['[a-z]']",
        "secrets: admin/X",
    ],
)
def test_policies_that_cannot_be(text: str) -> None:
    with pytest.raises(InvalidDocumentError):
        load_policy(text)
