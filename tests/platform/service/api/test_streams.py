"""Streams of events: nothing that comes between a look and the wait for news is waited for."""

from collections.abc import Callable

import httpx
import pytest

from blockyard_platform.service.api.routes import events
from blockyard_platform.service.parts import Parts

from ..registry.conftest import ADMIN


async def test_what_came_before_news_were_waited_for_is_told_at_once(
    parts: Parts, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run had not ended, and had told nothing, when it was looked at."""
    monkeypatch.setattr(events, "_QUIET_SECONDS", 0.0)
    run = ids["ENDED ant"]
    stream = events._events(parts, ADMIN, "ant", run, ((), False), 0)  # pyright: ignore[reportPrivateUsage]
    first = await anext(stream)
    assert "event: run-finished" in first
    assert [it async for it in stream] == []


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
