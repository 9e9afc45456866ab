"""Bodies that are long to read: others are answered meanwhile, and what would be dear to explain is refused in one sentence."""

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from blockyard_platform.service.api import bodies
from blockyard_platform.service.api.app import create_app
from blockyard_platform.service.parts import Parts
from blockyard_schemas.reader import read

from .conftest import PATIENCE, problem

Token = Callable[..., dict[str, str]]
TENANTS = "/api/v1/tenants"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def app(parts: Parts) -> FastAPI:
    """Return the app with bodies as long as they are by default."""
    from dataclasses import replace

    settings = parts.settings.model_copy(update={"body_bytes": 4 * 1024 * 1024})
    return create_app(replace(parts, settings=settings))


async def test_others_are_answered_while_a_body_is_read(
    client: httpx.AsyncClient, token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, answered = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(*given: Any, **named: Any) -> Any:
        loop.call_soon_threadsafe(reading.set)
        assert answered.wait(PATIENCE), "nobody was answered meanwhile"
        return read(*given, **named)

    monkeypatch.setattr(bodies, "read", slow)
    admin = token("admin")
    made = asyncio.ensure_future(client.post(TENANTS, json={"name": "new"}, headers=admin))
    await asyncio.wait_for(reading.wait(), PATIENCE)
    assert (await client.get("/health/live")).status_code == 200
    assert (await client.get("/api/v1/me", headers=admin)).status_code == 200
    answered.set()
    assert (await made).status_code == 201


async def test_a_body_of_many_keys_is_one_problem(client: httpx.AsyncClient, token: Token) -> None:
    body = json.dumps({f"key{number}": 1 for number in range(90_000)})
    found = await client.post(TENANTS, content=body, headers={**token("admin"), **JSON})
    said = problem(found, 422)
    assert said["detail"] == "the body has 90000 keys, and none has more than 100"
    assert len(found.content) < 1_000
    # Whatever a mapping inside holds is its own affair.
    few = {"workflow": "none", "params": {f"key{number}": 1 for number in range(1_000)}}
    path = f"{TENANTS}/ant/runs"
    problem(await client.post(path, json=few, headers=token("author", "ant")), 404)


async def test_a_body_of_many_lines_is_refused_before_they_are_counted(
    client: httpx.AsyncClient, token: Token
) -> None:
    admin = {**token("admin"), **JSON}
    for end in (b"\n", b"\r", b"\r\n"):
        body = end * (2_000_000 // len(end)) + b'{"name": }'
        said = problem(await client.post(TENANTS, content=body, headers=admin), 413)
        assert said["detail"] == "the body has more than 400000 lines"
    body = b"\n" * 400_000 + b'{"name": }'
    found = problem(await client.post(TENANTS, content=body, headers=admin), 422)
    assert (found["problems"][0]["line"], found["problems"][0]["column"]) == (400_001, 10)
