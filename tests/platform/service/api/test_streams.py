"""Streams of events: nothing that comes between a look and the wait for news is waited for."""

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
