"""Requests of one tenant at once: too many are refused, whatever becomes of them they are not counted any more, and others are answered."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import StreamingResponse

from blockyard_platform.service.api.app import create_app
from blockyard_platform.service.api.routing import Gate, Guarded
from blockyard_platform.service.parts import Parts

from .conftest import problem

Token = Callable[..., dict[str, str]]
Ask = dict[str, Callable[..., asyncio.Task[httpx.Response]]]
MOST = 3


class Held:
    """Requests that are under way until they are let go."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.begun = 0

    async def stream(self, request: Request) -> StreamingResponse:
        """Stream until it is let go."""

        async def words() -> AsyncIterator[str]:
            self.begun += 1
            await self.go_on.wait()
            yield "there"

        return StreamingResponse(words())

    async def all_begun(self, count: int, asked: list[asyncio.Task[httpx.Response]]) -> None:
        """Wait until so many were begun in all; those that are asked for now must not end before."""
        while self.begun < count:
            assert not any(it.done() for it in asked), "one was refused"
            await asyncio.sleep(0)

    async def fail(self, request: Request) -> None:
        """Fail as nobody has foreseen."""
        raise RuntimeError


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def app(parts: Parts, held: Held) -> FastAPI:
    settings = parts.settings.model_copy(update={"tenant_requests": MOST})
    made = create_app(replace(parts, settings=settings))
    for name, what in (("/held", held.stream), ("/failing", held.fail)):
        made.router.routes.append(Guarded("GET", name, what, Gate.KNOWN))
    return made


@pytest.fixture
def ask(client: httpx.AsyncClient, token: Token) -> Ask:
    """Return by name what asks for a path in somebody's name."""

    def asking(headers: dict[str, str], path: str = "/api/v1/me") -> asyncio.Task[httpx.Response]:
        return asyncio.ensure_future(client.get(path, headers=headers))

    whose = {"ant": token("viewer", "ant"), "bee": token("viewer", "bee"), "admin": token("admin")}
    return {name: partial(asking, headers) for name, headers in whose.items()}


async def test_one_tenant_cannot_have_all_requests(ask: Ask, held: Held) -> None:
    under_way = [ask["ant"]("/held") for _ in range(MOST)]
    await held.all_begun(MOST, under_way)
    refused = await ask["ant"]()
    assert problem(refused, 429)["type"] == "urn:blockyard:problem:throttled"
    assert refused.headers["retry-after"] == "1"
    assert "3 requests of the tenant" in refused.json()["detail"]
    for other in ("bee", "admin"):
        assert (await ask[other]()).status_code == 200
    held.go_on.set()
    assert [(await it).text for it in under_way] == ["there"] * MOST
    assert (await ask["ant"]()).status_code == 200


async def test_one_token_does_not_keep_out_the_others_of_its_tenant(
    parts: Parts, held: Held, token: Token
) -> None:
    """A viewer's streams do not keep the tenant's admin from revoking the viewer's token."""
    settings = parts.settings.model_copy(update={"tenant_requests": 8})
    app = create_app(replace(parts, settings=settings))
    app.router.routes.append(Guarded("GET", "/held", held.stream, Gate.KNOWN))
    viewer, admin = token("viewer", "ant"), token("admin", "ant")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://blockyard.test") as client:

        def sent(headers: dict[str, str]) -> asyncio.Task[httpx.Response]:
            return asyncio.ensure_future(client.get("/held", headers=headers))

        under_way = [sent(viewer) for _ in range(6)]
        await held.all_begun(6, under_way)
        refused = await client.get("/api/v1/me", headers=viewer)
        assert "6 requests of the token" in problem(refused, 429)["detail"]
        tokens = await client.get("/api/v1/tokens", headers=admin)
        mine = next(it["id"] for it in tokens.json()["items"] if it["role"] == "viewer")
        assert (await client.delete(f"/api/v1/tokens/{mine}", headers=admin)).status_code == 200
        under_way += [sent(admin) for _ in range(2)]
        await held.all_begun(8, under_way)
        refused = await client.get("/api/v1/me", headers=admin)
        assert "8 requests of the tenant" in problem(refused, 429)["detail"]
        held.go_on.set()
        assert [(await it).status_code for it in under_way] == [200] * 8


async def test_the_platform_s_own_people_are_not_counted(ask: Ask, held: Held) -> None:
    under_way = [ask["admin"]("/held") for _ in range(2 * MOST)]
    await held.all_begun(2 * MOST, under_way)
    held.go_on.set()
    assert [(await it).status_code for it in under_way] == [200] * 2 * MOST


async def test_whatever_becomes_of_a_request_it_is_counted_no_more(ask: Ask, held: Held) -> None:
    for path in ("/failing", "/nothing", "/api/v1/tenants/bee", "/api/v1/me?x"):
        for _ in range(2 * MOST):
            assert (await ask["ant"](path)).status_code in (404, 422, 500)
    under_way = [ask["ant"]("/held") for _ in range(MOST)]
    await held.all_begun(MOST, under_way)
    for it in under_way:
        it.cancel()
    await asyncio.wait(under_way)
    # As many as before have room again: none of all those is counted still.
    again = [ask["ant"]("/held") for _ in range(MOST)]
    await held.all_begun(2 * MOST, again)
    held.go_on.set()
    assert [(await it).text for it in again] == ["there"] * MOST
