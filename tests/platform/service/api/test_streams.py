"""Streams of events: nothing that comes between a look and the wait for news is waited for."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from blockyard_platform.service.api.routes import events
from blockyard_platform.service.parts import Parts
from blockyard_platform.service.registry import tokens
from blockyard_platform.service.registry.tokens import authenticate

from ..registry.conftest import ADMIN


def looking(parts: Parts, run: str) -> Callable[[int], Any]:
    return lambda after: events._read(parts, ADMIN, "ant", run, after)  # pyright: ignore[reportPrivateUsage]


async def test_what_came_before_news_were_waited_for_is_told_at_once(
    parts: Parts, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run had not ended, and had told nothing, when it was looked at."""
    monkeypatch.setattr(events, "_QUIET_SECONDS", 0.0)
    run = ids["ENDED ant"]
    stream = events._events(parts, run, looking(parts, run), ((), False), 0)  # pyright: ignore[reportPrivateUsage]
    first = await anext(stream)
    assert "event: run-finished" in first
    assert [it async for it in stream] == []


async def test_a_stream_ends_when_its_token_is_revoked(
    parts: Parts, ids: dict[str, str], token: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_QUIET_SECONDS", 0.0)
    given = token("viewer", "ant")["Authorization"]
    caller = authenticate(parts.database, given.removeprefix("Bearer "))
    headers = [(b"authorization", given.encode())]
    request = Request({"type": "http", "headers": headers})
    found = await events.stream_events(request, parts, caller, "ant", ids["QUEUED ant"])
    stream = aiter(found.body_iterator)
    assert await anext(stream) == ": nothing new\n\n"
    with parts.database.writing() as work:
        tokens.revoke(work, ADMIN, caller.token_id or "")
    # One look may have been under way.
    assert len([it async for it in stream]) <= 1


async def test_nobody_waits_in_a_process_that_ends(
    client: httpx.AsyncClient, parts: Parts, token: Callable[..., dict[str, str]]
) -> None:
    client.headers.update(token("admin"))
    document = {"name": "t", "stages": [{"echo": "hi"}]}
    runs = "/api/v1/tenants/ant/runs"
    run = (await client.post(runs, json={"document": document})).json()["id"]
    parts.watching.leave()
    found = await client.get(f"{runs}/{run}", params={"wait": 30})
    assert (found.status_code, found.json()["state"]) == (200, "queued")
    stream = await client.get(f"{runs}/{run}/events/stream")
    assert (stream.status_code, stream.text) == (200, "")
