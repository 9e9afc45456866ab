"""Look-ups of names whose servers do not answer: they hold up nobody else's."""

import asyncio
import socket
import threading
from typing import Any

import pytest

from blockyard_sandbox.egress.connecting import Lookups

MANY = 64
"""More than the threads of an event loop, on any machine."""
PATIENCE = 120.0


async def test_names_that_are_not_answered_hold_no_thread_of_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, let_go = socket.getaddrinfo, threading.Event()
    begun: list[str] = []

    def asked(host: str, *given: Any, **named: Any) -> Any:
        if host.endswith(".silent.example"):
            begun.append(host)
            assert let_go.wait(PATIENCE)
            raise socket.gaierror(socket.EAI_AGAIN, "later")
        return real(host, *given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    tenants = [Lookups() for _ in range(MANY)]
    hanging = [
        asyncio.ensure_future(each.addresses(f"{number}.silent.example", 443))
        for number, each in enumerate(tenants)
    ]
    try:
        async with asyncio.timeout(PATIENCE):
            found = await Lookups().addresses("localhost", 443)
            assert "127.0.0.1" in found
            assert await asyncio.to_thread(lambda: "served") == "served"
    finally:
        let_go.set()
    failures = await asyncio.gather(*hanging, return_exceptions=True)
    assert all(isinstance(it, OSError) for it in failures)
    assert len(begun) == MANY
