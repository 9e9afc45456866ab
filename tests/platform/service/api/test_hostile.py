"""Hostile requests: bodies, paths, headers and cursors that nobody means well with. Each is answered, and nothing is a server error."""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from blockyard_platform.service.registry.database import Database
from blockyard_platform.store.tables import METADATA

from .conftest import YAML, problem

Token = Callable[..., dict[str, str]]

JSON = {"Content-Type": "application/json"}
TENANTS = "/api/v1/tenants"

BODIES: dict[str, tuple[bytes, str]] = {
    # a body of a route that takes JSON, and the rule that it breaks
    "empty": (b"", "empty"),
    "no json": (b"name: new", "json"),
    "cut off": (b'{"name": "new"', "json"),
    "two": (b'{"name": "new"} {"name": "new"}', "json"),
    "a duplicate key": (b'{"name": "new", "name": "other"}', "duplicate-key"),
    "an escaped duplicate": (b'{"name": "new", "n\\u0061me": "other"}', "duplicate-key"),
    "NaN": (b'{"name": NaN}', "json"),
    "infinity": (b'{"name": 1e999}', "number"),
    "a huge number": (b'{"name": ' + b"9" * 5_000 + b"}", "number"),
    "not UTF-8": (b'{"name": "\xff"}', "encoding"),
    "UTF-16": ('{"name": "new"}'.encode("utf-16"), "encoding"),
    "a NUL": (b'{"name": "a\x00b"}', "character"),
    "half a character": (b'{"name": "\\ud800"}', "character"),
    "deep": (b"[" * 30_000 + b"]" * 30_000, "limit"),
    "deep and open": (b'{"a":' * 10_000, "limit"),
    "many values": (b"[" + b"0," * 20_000 + b"0]", "type"),
    "a list": (b"[]", "type"),
    "a text": (b'"new"', "type"),
    "null": (b"null", "type"),
    "another type": (b'{"name": 5}', "type"),
    "an unknown key": (b'{"name": "new", "displya": "x"}', "unknown-key"),
    "a key of the class": (b'{"name": "new", "__class__": "x"}', "unknown-key"),
}

TEXTS = ("a\x00b", "\x00", "a\nb\x1bc", "\x7f", "\u2028", "x" * 10_000, "\U0001f600", "..", "'; --")

NAMES = (
    "..%2fbee",
    "%2e%2e",
    "..",
    ".",
    "a%00b",
    "%00",
    "a%0d%0aX-Injected:%20yes",
    "%c0%ae",
    "%ff",
    "%F0%9F%98%80",
    "ant%20",
    "ANT",
    "x" * 3_000,
    "x" * 10_240,
    "a;b",
    "%252e%252e",
    "ant%5c",
    "'%20or%20'1'='1",
)


@pytest.fixture
async def admin(client: httpx.AsyncClient, token: Token, ids: dict[str, str]) -> httpx.AsyncClient:
    """Return a client with a token that may do everything."""
    client.headers.update(token("admin"))
    return client


def rows(database: Database) -> dict[str, list[str]]:
    """Return all rows of all tables, but for when tokens were used."""
    with database.reading() as work:
        return {
            name: sorted(map(repr, work.connection.execute(sa.select(table))))
            for name, table in METADATA.tables.items()
            if name != "tokens"
        }


async def test_a_body_is_read_strictly(admin: httpx.AsyncClient, database: Database) -> None:
    before = rows(database)
    for name, (body, rule) in BODIES.items():
        found = problem(await admin.post(TENANTS, content=body, headers=JSON), 422)
        assert found["problems"][0]["rule"] == rule, (name, found)
    assert rows(database) == before


async def test_a_problem_has_its_place(admin: httpx.AsyncClient) -> None:
    body = b'{\n  "name": "new",\n  "display": 5,\n  "displya": "x"\n}'
    found = problem(await admin.post(TENANTS, content=body, headers=JSON), 422)
    assert [(it["rule"], it["pointer"], it["line"], it["column"]) for it in found["problems"]] == [
        ("type", "/display", 3, 14),
        ("unknown-key", "/displya", 4, 3),
    ]
    assert found["problems"][1]["hint"] == "did you mean 'display'?"


async def test_what_was_given_is_not_told_again(admin: httpx.AsyncClient) -> None:
    """A value that does not fit may be a secret."""
    for body in ({"value": ["hunter2"]}, {"value": "hunter2", "more": "hunter2"}, ["hunter2"]):
        found = await admin.put(f"{TENANTS}/ant/secrets/new", json=body)
        problem(found, 422)
        assert "hunter2" not in found.text


async def test_a_body_is_bounded_before_it_is_read(admin: httpx.AsyncClient, app: FastAPI) -> None:
    most = app.state.parts.settings.body_bytes
    path = f"{TENANTS}/ant/validate"
    long = b"#" * (most + 1)
    assert "65536" in problem(await admin.post(path, content=long, headers=YAML), 413)["detail"]

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1_000):
            sent.append(1)
            yield b"#" * 1_024

    sent: list[int] = []
    problem(await admin.post(path, content=endless(), headers=YAML), 413)
    lying = {**YAML, "Content-Length": "10"}
    problem(await admin.post(path, content=endless(), headers=lying), 413)
    for odd in ("-1", "1e3", "9" * 20, " "):
        problem(await admin.post(path, content=b"#", headers={**YAML, "Content-Length": odd}), 413)
    fits = b"name: a\nstages: [echo: x]\n".ljust(most, b"#")
    assert (await admin.post(path, content=fits, headers=YAML)).json()["valid"]


async def test_who_may_not_is_told_so_before_the_body_is_read(
    client: httpx.AsyncClient, token: Token
) -> None:
    huge = b"[" * 1_000_000
    problem(await client.post(TENANTS, content=huge, headers=JSON), 401)
    problem(await client.post(TENANTS, content=huge, headers={**JSON, **token("viewer")}), 403)


OTHERS = (
    {"Content-Type": "application/x-www-form-urlencoded"},
    {"Content-Type": "text/html"},
    {"Content-Type": "application/json; charset=utf-16"},
    {"Content-Type": "application/json, application/yaml"},
    {"Content-Type": "application/json", "Content-Encoding": "gzip"},
)


async def test_other_bodies_are_refused(admin: httpx.AsyncClient) -> None:
    for headers in OTHERS:
        for path in (TENANTS, f"{TENANTS}/ant/validate"):
            answer = await admin.post(path, content=b'{"name": "new"}', headers=headers)
            assert problem(answer, 415)["type"] == "urn:blockyard:problem:media-type"


async def test_no_text_is_too_much_for_a_database(admin: httpx.AsyncClient) -> None:
    """PostgreSQL holds no NUL, and neither do names: what is not taken is refused, and told."""
    for text in TEXTS:
        for each in hostile(admin, text):
            found = await each
            assert found.status_code in (200, 201, 404, 409, 413, 414, 422), found.text
            if found.status_code >= 400:
                problem(found, found.status_code)


def hostile(admin: httpx.AsyncClient, text: str) -> list[Awaitable[httpx.Response]]:
    """Return requests with a text wherever there can be one."""
    return [
        admin.post(TENANTS, json={"name": text}),
        admin.post(TENANTS, json={"name": "fits", "display": text}),
        admin.patch(f"{TENANTS}/ant", json={"display": text}),
        admin.post("/api/v1/tokens", json={"tenant": text, "role": "viewer"}),
        admin.post("/api/v1/tokens", json={"tenant": "ant", "role": "viewer", "label": text}),
        admin.post("/api/v1/tokens", json={"tenant": "ant", "role": "viewer", "scopes": [text]}),
        admin.put("/api/v1/switches", json={"kind": "block", "name": text, "reason": "x"}),
        admin.put("/api/v1/switches", json={"kind": "image", "name": text, "reason": "x"}),
        admin.put("/api/v1/switches", json={"kind": "package", "name": text, "reason": text}),
        admin.post("/api/v1/switches/lift", json={"kind": "block", "name": "x", "owner": text}),
        admin.put(f"{TENANTS}/ant/secrets/s", json={"value": text}),
        admin.put(f"{TENANTS}/ant/schedules/s", json={"workflow": text, "cron": "* * * * *"}),
        admin.put(f"{TENANTS}/ant/schedules/s", json={"workflow": "report", "cron": text}),
        admin.put(
            f"{TENANTS}/ant/schedules/s",
            json={"workflow": "report", "cron": "* * * * *", "timezone": text},
        ),
        admin.put(
            f"{TENANTS}/ant/schedules/s",
            json={"workflow": "report", "cron": "* * * * *", "params": {text: text}},
        ),
        admin.get("/api/v1/audit", params={"tenant": text}),
        admin.get("/api/v1/tenants", params={"cursor": text}),
        admin.post(f"{TENANTS}/ant/policies", params={"note": text}, content=b"{}", headers=YAML),
        admin.post(f"{TENANTS}/ant/policies", content=f"name: '{text}'".encode(), headers=YAML),
        admin.put(
            f"{TENANTS}/ant/workflows/w",
            content=json.dumps({"name": text, "stages": [{"echo": text}]}),
            headers=JSON,
        ),
    ]


async def raw(app: FastAPI, admin: httpx.AsyncClient, target: str) -> dict[str, Any]:
    """Return what a path is answered that comes as it is: httpx puts paths in order before it sends them."""
    sent: list[Any] = []
    headers = [(b"authorization", admin.headers["authorization"].encode())]
    scope = {"type": "http", "method": "GET", "headers": headers, "query_string": b""}
    scope |= {"path": unquote(target), "raw_path": target.encode(), "client": ("127.0.0.1", 1)}
    scope |= {"scheme": "http", "server": ("blockyard.test", 80), "http_version": "1.1"}

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    names = [name for name, _ in sent[0]["headers"]]
    assert b"x-injected" not in names
    found: dict[str, Any] = json.loads(sent[1]["body"])
    assert found["status"] == sent[0]["status"]
    return found


PATHS = (
    "/api/v1/tenants/NAME",
    "/api/v1/tenants/NAME/policy",
    "/api/v1/tenants/ant/workflows/NAME",
    "/api/v1/tenants/ant/workflows/NAME/versions",
    "/api/v1/tenants/ant/schedules/NAME",
    "/api/v1/tokens/NAME",
    "/NAME",
)
TWO_WAYS = (
    "/api//v1/me",
    "//api/v1/me",
    "/api/v1/./me",
    "/api/v1/x/../me",
    "/api/v1/%2e/me",
    "/api/v1%2Fme",
    "/api/v1/me/",
    "/api/v1\\me",
    "/api/v1/me/.",
    "/API/v1/me",
    "",
)


async def test_a_name_in_a_path_is_a_name(admin: httpx.AsyncClient, app: FastAPI) -> None:
    for name in NAMES:
        for path in PATHS:
            found = await raw(app, admin, path.replace("NAME", name))
            assert found["status"] in (404, 414), (path, name)


async def test_a_path_that_can_be_read_in_two_ways_is_not_read(
    admin: httpx.AsyncClient, app: FastAPI
) -> None:
    for path in TWO_WAYS:
        assert (await raw(app, admin, path))["status"] == 404, path


def cursors() -> list[str]:
    """Return cursors that no listing has made."""
    values: list[Any] = [
        [],
        ["tenants"],
        ["tenants", 1],
        ["tenants", "a", "b"],
        ["audit", 5],
        ["tenants", None],
        ["tenants", "\x00"],
        ["tenants", {"a": 1}],
        "tenants",
    ]
    made = [base64.urlsafe_b64encode(json.dumps(it).encode()).decode() for it in values]
    return [*made, *(it.rstrip("=") for it in made), "", "=", "é", "a" * 1_999, "WyJ0ZW5hbnRzIl0"]


async def test_a_cursor_is_one_of_its_own_listing(admin: httpx.AsyncClient) -> None:
    paths = (
        "/api/v1/tenants",
        "/api/v1/audit",
        f"{TENANTS}/ant/catalog",
        f"{TENANTS}/ant/workflows",
    )
    for path in paths:
        for cursor in cursors():
            problem(await admin.get(path, params={"cursor": cursor}), 422)
        found = await admin.get(path, params={"cursor": "a" * 2_001})
        assert "cursor" in problem(found, 422)["detail"]
    page = (await admin.get("/api/v1/tenants", params={"limit": 1})).json()
    for path in paths[1:]:
        problem(await admin.get(path, params={"cursor": page["next"]}), 422)


QUERIES = {
    "limit=0": "limit",
    "limit=501": "limit",
    "limit=-1": "limit",
    "limit=1e2": "limit",
    "limit=" + "9" * 5_000: "limit",
    "limit=": "limit",
    "limti=1": "there is no parameter 'limti' here",
    "limit=1&limit=2": "stands twice",
    "cursor=%00": "NUL",
    "&".join(f"a{number}=1" for number in range(60)): "more than 50",
}


async def test_a_query_is_read_strictly(admin: httpx.AsyncClient) -> None:
    for query, words in QUERIES.items():
        found = problem(await admin.get(f"/api/v1/tenants?{query}"), 422)
        assert words in found["detail"], query


async def test_versions_are_numbers_that_there_can_be(admin: httpx.AsyncClient) -> None:
    for version in ("0", "-1", str(2**31), str(2**63), "9" * 4_000):
        problem(await admin.get(f"{TENANTS}/ant/policies/{version}"), 404)
    for version in ("one", "1.5", "1e3", "9" * 4_400, "0x1"):
        problem(await admin.get(f"{TENANTS}/ant/policies/{version}"), 422)


async def test_what_is_missing_is_not_found_and_says_what_there_is(
    admin: httpx.AsyncClient,
) -> None:
    problem(await admin.get("/"), 404)
    problem(await admin.get("/docs"), 404)
    problem(await admin.get("/openapi.json"), 404)
    other = await admin.request("DELETE", f"{TENANTS}/ant")
    problem(other, 405)
    assert other.headers["allow"] == "GET, PATCH"
    odd = await admin.request("BREW", TENANTS)
    problem(odd, 405)
    assert odd.headers["allow"] == "GET, POST"
