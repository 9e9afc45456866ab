"""The address of webhooks, over HTTP: bounds before anything is read, and answers as they are agreed."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.runs.settling import Ended
from blockyard_platform.service.scheduler.hooks import HookDesk
from blockyard_platform.service.scheduler.routes import taken
from blockyard_platform.triggers.signatures import write_header

from .conftest import START, Put
from .recording import Recording

KEY = b"the key of the tenant"
BODY = b'{"id": 7}'
ON = (
    "params: {id: any}\non: {webhook: {path: a/b, secret: S, params: {id: '${{ event.body.id }}'}}}"
)


async def nobody_waits(tenant: str, run_id: str, seconds: float) -> Ended | None:
    return None


@pytest.fixture
def app(database: Database, runs: Recording) -> FastAPI:
    return made(database, runs, seconds=120)


def made(database: Database, runs: Recording, seconds: float) -> FastAPI:
    """Return an app that waits so long for a body."""
    desk = HookDesk(database, runs, lambda tenant, name: (KEY,), nobody_waits)
    found = FastAPI()

    @found.post("/hooks/{tenant}/{path:path}")
    async def deliver(tenant: str, path: str, request: Request) -> Response:
        where = "/v1/{tenant}/{run_id}"
        return await taken(
            desk,
            tenant,
            path,
            request,
            run_path=where,
            now=lambda: START,
            most=100,
            seconds=seconds,
        )

    return found


async def post(app: FastAPI, path: str = "/hooks/ant/a/b", **given: Any) -> httpx.Response:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://test"
    ) as client:
        return await client.post(path, **given)


def headers(body: bytes = BODY) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "Blockyard-Signature": write_header([KEY], body, int(START)),
    }


async def test_a_signed_request_is_a_run(app: FastAPI, runs: Recording, put: Put) -> None:
    await asyncio.to_thread(put, "w", ON)
    told = await post(app, content=BODY, headers=headers())
    assert (told.status_code, told.json()) == (202, {"run_id": "run-ant-1"})
    assert told.headers["location"] == "/v1/ant/run-ant-1"
    again = await post(app, content=BODY, headers=headers())
    assert (again.status_code, again.json()) == (401, {"error": "the request was not accepted"})
    assert "location" not in again.headers
    assert [it.params for it in runs.rows()] == ['{"id": 7}']


async def test_what_is_too_long_is_refused_before_it_is_read(app: FastAPI, runs: Recording) -> None:
    told = await post(app, content=b"x" * 101)
    assert (told.status_code, told.headers["connection"]) == (413, "close")
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(1_000):
            read += 1
            yield b"x" * 60

    told = await post(app, content=endless())
    assert told.status_code == 413
    assert runs.rows() == []


async def test_a_body_that_does_not_come_is_not_waited_for(
    database: Database, runs: Recording
) -> None:
    app = made(database, runs, seconds=0.2)
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/hooks/ant/a/b", "raw_path": b"/hooks/ant/a/b", "query_string": b"", "root_path": "",
        "headers": [(b"content-length", b"9")], "server": ("test", 80), "client": ("test", 1),
    }  # fmt: skip
    await app(scope, receive, send)
    assert sent[0]["status"] == 408


@pytest.mark.parametrize(
    "path",
    ["/hooks/ant/a/c", "/hooks/bee/a/b", "/hooks/x/a", "/hooks/ant/%00", "/hooks/ant/a%2Fb/..%2f"],
)
async def test_unknown_places_have_one_answer(path: str, app: FastAPI, put: Put) -> None:
    await asyncio.to_thread(put, "w", ON)
    told = await post(app, path, content=BODY, headers=headers())
    assert (told.status_code, told.json()) == (401, {"error": "the request was not accepted"})


@pytest.mark.parametrize("length", ["-1", "9" * 400, "x", "1e3"])
async def test_a_length_that_is_none_does_no_harm(length: str, app: FastAPI) -> None:
    told = await post(app, content=BODY, headers={"content-length": length})
    assert told.status_code in (401, 413)
