"""Signals come at the commit, to whoever listens; in PostgreSQL to every process, and again after its server was away."""

import time
from collections.abc import Callable, Iterator
from threading import Event, Lock

import pytest
import sqlalchemy as sa

from blockyard_platform.service.signals import Signals, notify
from blockyard_platform.store.engines import open_engine

from ..store.conftest import place, postgres

__all__ = ["place", "postgres"]

PATIENCE = 120.0


class Heard:
    """Notes what it is called with."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self._lock = Lock()

    def __call__(self, key: str) -> None:
        with self._lock:
            self.keys.append(key)

    def wait(self, *keys: str) -> None:
        """Wait until these have come; those that only say that anything may have changed do not count."""
        end = time.monotonic() + PATIENCE
        while [it for it in self.keys if it] != [*keys]:
            assert time.monotonic() < end, f"heard {self.keys}"
            time.sleep(0.005)

    def wait_for_any(self, count: int = 1) -> None:
        """Wait until listening has begun, so often."""
        end = time.monotonic() + PATIENCE
        while self.keys.count("") < count:
            assert time.monotonic() < end, f"heard {self.keys}"
            time.sleep(0.005)


@pytest.fixture
def engine(place: str) -> Iterator[sa.Engine]:
    found = open_engine(place)
    yield found
    found.dispose()


@pytest.fixture
def signals(engine: sa.Engine) -> Iterator[Signals]:
    found = Signals(engine)
    yield found
    found.close()


def listening(signals: Signals, topic: str = "runs") -> tuple[Heard, Callable[[], None]]:
    heard = Heard()
    end = signals.subscribe(topic, heard)
    heard.wait_for_any()
    return heard, end


def test_a_signal_comes_at_the_commit_and_not_before(engine: sa.Engine, signals: Signals) -> None:
    heard, _ = listening(signals)
    with engine.connect() as connection:
        signals.publish(connection, "runs", "undone")
        connection.rollback()
        signals.publish(connection, "runs", "a")
        signals.publish(connection, "events", "other")
        assert [it for it in heard.keys if it] == []
        connection.commit()
    heard.wait("a")
    with engine.begin() as connection:
        signals.publish(connection, "runs", "b" * 200)
    heard.wait("a", "b" * 200)


def test_several_come_at_one_commit(engine: sa.Engine, signals: Signals) -> None:
    heard, _ = listening(signals)
    hostile = '{"a, b"}\\ NULL {}'
    with engine.connect() as connection:
        signals.publish_all(connection, "runs", ["undone", "too"])
        connection.rollback()
        signals.publish_all(connection, "runs", [])
        signals.publish_all(connection, "runs", ["a", hostile, "b"])
        for keys in (["a", "b\n"], ["a" * 201]):
            with pytest.raises(ValueError, match="a key has"):
                signals.publish_all(connection, "runs", keys)
        assert [it for it in heard.keys if it] == []
        connection.commit()
    heard.wait("a", hostile, "b")


def test_one_that_raises_keeps_none_from_the_others(
    engine: sa.Engine, signals: Signals, caplog: pytest.LogCaptureFixture
) -> None:
    def raising(key: str) -> None:
        raise RuntimeError(key)

    signals.subscribe("runs", raising)
    heard, end = listening(signals)
    other, _ = listening(signals)
    for key in ("a", "b"):
        with engine.begin() as connection:
            signals.publish(connection, "runs", key)
        other.wait(*"ab"[: "ab".index(key) + 1])
    heard.wait("a", "b")
    assert "a signal of runs could not be taken" in caplog.text
    end()
    with engine.begin() as connection:
        signals.publish(connection, "runs", "c")
    other.wait("a", "b", "c")
    heard.wait("a", "b")


def test_what_cannot_be_a_signal_is_refused(engine: sa.Engine, signals: Signals) -> None:
    with engine.connect() as connection:
        for topic, key in (("", "a"), ("a b", "a"), ('a"', "a"), ("a" * 31, ""), ("É", "a")):
            with pytest.raises(ValueError, match="a topic has"):
                signals.publish(connection, topic, key)
        for key in ("a" * 201, "a\0", "a\n"):
            with pytest.raises(ValueError, match="a key has"):
                signals.publish(connection, "runs", key)
    with pytest.raises(ValueError, match="a topic has"):
        signals.subscribe("; DROP", print)


def test_a_key_is_text_and_nothing_else(engine: sa.Engine, signals: Signals) -> None:
    heard, _ = listening(signals)
    hostile = "'; NOTIFY blockyard_runs, 'x'; -- \\ :channel %s ✓"
    with engine.begin() as connection:
        signals.publish(connection, "runs", hostile)
    heard.wait(hostile)


def test_closed_signals_are_quiet(engine: sa.Engine) -> None:
    signals = Signals(engine)
    signals.close()
    with pytest.raises(RuntimeError, match="closed"):
        signals.subscribe("runs", print)
    open_ones = Signals(engine)
    heard, _ = listening(open_ones)
    ended = Event()

    def closing(_: str) -> None:
        open_ones.close()
        ended.set()

    open_ones.subscribe("events", closing)
    assert ended.wait(PATIENCE)
    open_ones.close()
    with engine.begin() as connection:
        open_ones.publish(connection, "runs", "late")
    assert [it for it in heard.keys if it] == []


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_too_many_signals_become_one(engine: sa.Engine, signals: Signals) -> None:
    """A callback that blocks must not fill the memory."""
    begun, go = Event(), Event()

    def slow(_: str) -> None:
        begun.set()
        assert go.wait(PATIENCE)

    signals.subscribe("slow", slow)
    assert begun.wait(PATIENCE)
    heard = Heard()
    signals.subscribe("runs", heard)
    with engine.begin() as connection:
        for number in range(20_005):
            signals.publish(connection, "runs", str(number % 15_000))
    go.set()
    heard.wait_for_any()
    with engine.begin() as connection:
        signals.publish(connection, "runs", "last")
    end = time.monotonic() + PATIENCE
    while heard.keys[-1] != "last":
        assert time.monotonic() < end
        time.sleep(0.005)
    assert len(heard.keys) <= 10_002


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_another_process_hears_and_so_does_one_whose_connection_was_cut(
    place: str, engine: sa.Engine, signals: Signals
) -> None:
    heard, _ = listening(signals)
    other = open_engine(place)
    with other.begin() as connection:
        notify(connection, "runs", "a")
    heard.wait("a")
    cut = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    for count in (2, 3):
        with other.begin() as connection:
            connection.execute(cut)
        heard.wait_for_any(count)
    with other.begin() as connection:
        notify(connection, "runs", "b")
    heard.wait("a", "b")
    other.dispose()
