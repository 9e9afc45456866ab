"""The end of what waits, at the very moment at which somebody has news for it."""

from threading import Event
from typing import Any

import pytest

from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.runs import keeper
from blockyard_platform.service.runs.keeper import Keeper
from blockyard_platform.service.runs.settling import Settler
from blockyard_platform.service.runs.watching import Watching
from blockyard_platform.service.scheduler.sender import Sender
from blockyard_platform.service.signals import Signals


class Deaf(Signals):
    """Signals that never come."""

    def subscribe(self, topic: str, callback: Any) -> Any:
        return lambda: None


class Ending:
    """A loop that ends between a look whether it has and a call."""

    def is_closed(self) -> bool:
        return False

    def call_soon_threadsafe(self, *_: Any) -> None:
        raise RuntimeError("Event loop is closed")


def test_a_sender_whose_loop_ends_just_then_is_not_told(database: Database) -> None:
    sender = Sender(database, lambda tenant, name: ())
    sender.start()
    sender.close()
    sender._loop = Ending()  # type: ignore[assignment]  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    sender.nudge()


async def test_who_waits_in_a_loop_that_ends_just_then_keeps_the_news_from_nobody(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals = Signals(database.engine)
    watching = Watching(signals)
    with watching.of("r") as here, monkeypatch.context() as patched:
        patched.setattr("asyncio.get_running_loop", Ending)
        with watching.of("r"):
            patched.undo()
            here.clear()
            watching._tell("r", ended=True)  # pyright: ignore[reportPrivateUsage]
            await here.wait()
    watching.close()
    signals.close()


def test_a_keeper_that_is_closed_as_it_begins_to_look_does_not_wait(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing, waits = Event(), list[float | None]()

    class Late(Event):
        """News that are forgotten just after the keeper was told of its end."""

        def set(self) -> None:
            super().set()
            closing.set()

        def clear(self) -> None:
            assert closing.wait(120)
            super().clear()

        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            return super().wait(timeout)

    monkeypatch.setattr(keeper, "Event", Late)
    signals = Deaf(database.engine)
    Keeper(database, Settler(signals), signals, lambda: None).close()
    assert waits == []
