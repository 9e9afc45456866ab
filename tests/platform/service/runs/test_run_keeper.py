"""The keeper ends when it is told to, whatever it is about to do."""

import threading

import pytest

from blockyard_platform.service.runs import keeper
from blockyard_platform.service.runs.keeper import Keeper

from .conftest import Desk


def test_a_keeper_that_is_closed_just_before_it_clears_its_news_does_not_sleep(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, closing = threading.Event(), threading.Event()

    class News(threading.Event):
        """Is cleared only after the keeper was closed, which has set it."""

        def clear(self) -> None:
            begun.set()
            assert closing.wait(120)
            super().clear()

    def look(_: Keeper) -> float:
        return 3_600.0

    monkeypatch.setattr(keeper, "Event", News)
    monkeypatch.setattr(Keeper, "_look", look)
    found = Keeper(desk.database, desk.settler, desk.signals, lambda: None)
    assert begun.wait(120)
    closer = threading.Thread(target=found.close, daemon=True)
    closer.start()
    while not found._news.is_set():  # pyright: ignore[reportPrivateUsage]
        closer.join(0.01)
    closing.set()
    closer.join(120)
    assert not closer.is_alive()
    desk.signals.close()
