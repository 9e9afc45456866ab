"""Around every request: ids, headers, errors that nobody foresaw, a database that is away, wrong tokens in numbers, health."""

import logging
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from starlette.requests import Request

from blockyard_platform.service.api.app import create_app
from blockyard_platform.service.api.routing import Gate, Guarded
from blockyard_platform.service.api.throttle import AT_ONCE, MOST, Throttle
from blockyard_platform.service.dispatch.port import DispatchError
from blockyard_platform.service.operations.health import Check, Examiner, Finding, State
from blockyard_platform.service.parts import Parts
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.settings import Settings
from blockyard_platform.store.errors import StoreError

from .conftest import PATIENCE, problem

Token = Callable[..., dict[str, str]]


def with_route(parts: Parts, raises: Exception) -> httpx.AsyncClient:
    """Return a client of an app with one more route, which raises."""

    def broken(request: Request) -> None:
        raise raises

    app = create_app(parts)
    app.router.routes.append(Guarded("GET", "/broken", broken, Gate.OPEN))
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://blockyard.test")


async def test_every_answer_has_strict_headers_and_an_id(client: httpx.AsyncClient) -> None:
    ids: set[str] = set()
    for path in ("/health/live", "/nothing", "/api/v1/me", "/api/v1/openapi.json", "/%2e%2e/x"):
        headers = (await client.get(path, headers={"X-Request-Id": "mine"})).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers
        assert "strict-transport-security" not in headers
        ids.add(headers["x-request-id"])
    assert len(ids) == 5
    assert "mine" not in ids


async def test_with_tls_browsers_stay_with_it(parts: Parts) -> None:
    settings = parts.settings.model_copy(update={"tls_certificate": "c", "tls_key": "k"})
    app = create_app(replace(parts, settings=settings))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        found = await client.get("/health/live")
    assert found.headers["strict-transport-security"] == "max-age=31536000"


async def test_no_other_origin_is_let_in(client: httpx.AsyncClient) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    problem(await client.request("OPTIONS", "/api/v1/tenants", headers=asked), 405)


async def test_an_error_that_nobody_foresaw_says_nothing_but_its_id(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    async with with_route(parts, RuntimeError("the password is hunter2")) as client:
        answer = await client.get("/broken")
    found = problem(answer, 500)
    assert "hunter2" not in answer.text
    assert found["instance"].removeprefix("urn:uuid:") in caplog.text
    assert "hunter2" in caplog.text


@pytest.mark.parametrize("kind", [StoreError, DispatchError])
async def test_a_database_that_is_away_is_told_without_its_words(
    kind: type[Exception], parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    error = kind("it cannot be used: connection to 10.0.0.7 refused")
    with caplog.at_level(logging.ERROR):
        async with with_route(parts, error) as client:
            answer = await client.get("/broken")
    problem(answer, 503)
    assert "10.0.0.7" not in answer.text
    assert "10.0.0.7" in caplog.text
    assert answer.headers["retry-after"] == "5"


async def test_wrong_tokens_are_not_looked_up_without_end(
    client: httpx.AsyncClient, token: Token, app: FastAPI
) -> None:
    # In its own time the throttle forgets one in three seconds, which the requests may take.
    app.state.throttle = Throttle(lambda: 0.0)
    good, later = token("viewer", "ant"), token("viewer", "ant")
    assert (await client.get("/api/v1/me", headers=good)).status_code == 200
    wrong = {"Authorization": f"Bearer by_{'1' * 16}_{'0' * 64}"}
    for _ in range(AT_ONCE):
        problem(await client.get("/api/v1/me", headers=wrong), 401)
    for headers in (wrong, later):
        found = await client.get("/api/v1/me", headers=headers)
        assert problem(found, 429)["type"] == "urn:blockyard:problem:throttled"
        assert 1 <= int(found.headers["retry-after"]) <= 3
    assert (await client.get("/api/v1/me", headers=good)).status_code == 200
    problem(await client.get("/api/v1/me"), 401)
    other = httpx.ASGITransport(app, client=("203.0.113.9", 1))
    async with httpx.AsyncClient(transport=other, base_url="http://x") as elsewhere:
        assert (await elsewhere.get("/api/v1/me", headers=later)).status_code == 200


def test_the_throttle_forgets_with_time_and_beyond_its_bound() -> None:
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    for _ in range(AT_ONCE + 4):
        throttle.failed("2001:db8::1", b"x")
    assert throttle.wait("2001:db8::ffff", b"y") == 15
    assert throttle.wait("2001:db8:0:1::1", b"y") == 0
    now[0] = 14.9
    assert throttle.wait("2001:db8::1", b"y") == 1
    now[0] = 15.0
    assert throttle.wait("2001:db8::1", b"y") == 0
    now[0] = 0.0
    for number in range(MOST + 5):
        throttle.failed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", b"x")
        throttle.passed(number.to_bytes(4))
    assert len(throttle._addresses) == len(throttle._good) == MOST  # pyright: ignore[reportPrivateUsage]
    assert throttle.wait("2001:db8::1", b"y") == 0
    for odd in ("", "no address", "::ffff:10.0.0.1", "fe80::1%eth0", "/unix.sock"):
        throttle.failed(odd, b"x")
        assert throttle.wait(odd, b"y") == 0


async def test_health_is_told_by_part(
    client: httpx.AsyncClient, parts: Parts, token: Token
) -> None:
    assert (await client.get("/health/live")).json() == {"status": "ok"}
    ready = await client.get("/health/ready")
    told = [(it["name"], it["state"], it["words"]) for it in ready.json()["parts"]]
    assert (ready.status_code, ready.json()["state"]) == (200, "ok")
    assert told == [("database", "ok", None), ("disk", "ok", None)]

    def broken() -> Finding:
        raise RuntimeError("10.0.0.7 is away")

    found = (
        Check("disk", lambda: Finding(State.OK, "much is free"), PATIENCE),
        Check("worker", lambda: Finding(State.DEGRADED, "none is seen"), PATIENCE),
        Check("x", broken, PATIENCE),
    )
    app = create_app(replace(parts, health=Examiner(found)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as other:
        nobody = await other.get("/health/ready")
        tenant = await other.get("/health/ready", headers=token("admin", "ant"))
        admin = await other.get("/health/ready", headers=token("viewer"))
    assert [it.status_code for it in (nobody, tenant, admin)] == [503] * 3
    assert {it["words"] for each in (nobody, tenant) for it in each.json()["parts"]} == {None}
    assert "10.0.0.7" not in nobody.text
    assert [it["state"] for it in nobody.json()["parts"]] == ["ok", "degraded", "failed"]
    assert [it["words"] for it in admin.json()["parts"]][:2] == ["much is free", "none is seen"]


async def test_a_database_that_cannot_be_written_is_not_ready(
    client: httpx.AsyncClient, database: Database
) -> None:
    with database.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE alembic_version RENAME TO elsewhere"))
    ready = await client.get("/health/ready")
    with database.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO alembic_version"))
    assert ready.status_code == 503
    assert ready.json()["parts"][0]["state"] == "failed"


async def test_who_has_a_token_is_told_the_parts_also_while_nobody_can_look_it_up(
    client: httpx.AsyncClient, database: Database, token: Token
) -> None:
    headers = token("admin")
    with database.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE tokens RENAME TO elsewhere"))
    ready = await client.get("/health/ready", headers=headers)
    with database.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO tokens"))
    assert {it["words"] for it in ready.json()["parts"]} == {None}


async def test_the_metrics_are_for_who_has_their_token(parts: Parts, token: Token) -> None:
    settings = Settings(data=parts.settings.data, metrics_token="scrape-me")  # type: ignore[arg-type]  # noqa: S106  # pyright: ignore[reportArgumentType]
    app = create_app(replace(parts, settings=settings))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        found = await client.get("/metrics", headers={"Authorization": "Bearer scrape-me"})
        assert found.status_code == 200
        assert "blockyard_queue" in found.text
        problem(await client.get("/metrics", headers={"Authorization": "Bearer scrape-mf"}), 401)
        assert (await client.get("/metrics", headers=token("viewer"))).status_code == 200
        problem(await client.get("/metrics", headers=token("admin", "ant")), 403)
    off = create_app(replace(parts, settings=settings.model_copy(update={"metrics": False})))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(off), base_url="http://x") as client:
        problem(await client.get("/metrics", headers={"Authorization": "Bearer scrape-me"}), 404)
