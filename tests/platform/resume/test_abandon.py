"""A run that one process abandons and another takes up: what was finished stands, and the first writes nothing more."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from blockyard_blocks import Catalog, block
from blockyard_platform import Event, Runner, RunView
from blockyard_platform.store.store import Store
from blockyard_schemas.statuses import Status

from .conftest import Done


class Gate:
    """A block that tells when it has begun, and goes on when it may."""

    def __init__(self, done: Done) -> None:
        self.done = done
        self.begun = asyncio.Event()
        self.may_end = False

    def catalog(self) -> Catalog:
        @block(tags=set(), runs="host", name="mine.gate")
        async def gate(context: Any) -> int:
            """Wait for the test."""
            self.begun.set()
            if not self.may_end:
                await asyncio.Event().wait()
            self.done.append(context.stage)
            return len(self.done)

        return Catalog.builtin().merge(Catalog.of(gate))


@pytest.fixture
def gate(done: Done) -> Gate:
    return Gate(done)


def document(**more: Any) -> dict[str, Any]:
    stages = [
        {"id": "first", "run": "result = 1"},
        {"id": "f", "foreach": [1, 2], "concurrent": 2, "stages": [{"id": "e", "echo": "x"}]},
        {"id": "g", "uses": "mine.gate", **more},
        {"id": "last", "echo": "x"},
    ]
    return {"name": "t", "stages": stages}


async def test_another_process_goes_on_and_may_repeat_the_effect(
    tmp_path: Path, gate: Gate, done: Done
) -> None:
    place, begun = tmp_path / "runs.db", list[str]()

    def note(_run: RunView, event: Event) -> None:
        if event.kind == "stage-started":
            begun.append(event.path)

    async with (
        Runner(journal=place, catalog=gate.catalog()) as one,
        Runner(journal=place, catalog=gate.catalog()) as two,
    ):
        handle = one.start(document(retry=1), run_id="r")
        await gate.begun.wait()
        handle.abandon("this worker drains")
        left = await handle.result()
        gate.may_end = True
        result = await two.resume("r", on_event=note)
    assert (left.lost, left.status, [it.message for it in left.problems]) == (
        True,
        "FAILED",
        ["this worker drains"],
    )
    assert (result.lost, result.status, done) == (False, "SUCCESS", ["g"])
    assert begun == ["g", "last"]
    assert result.jobs["main"].stages["g"].attempts == 2


async def test_an_effect_that_may_not_be_repeated_is_interrupted(
    tmp_path: Path, gate: Gate, done: Done
) -> None:
    async with Runner(journal=tmp_path / "runs.db", catalog=gate.catalog()) as runner:
        handle = runner.start(document(), run_id="r")
        await gate.begun.wait()
        handle.abandon("the lease was lost")
        assert (await handle.result()).lost
        result = await runner.resume("r")
    assert result.jobs["main"].stages["g"].code.name == "INTERRUPTED"
    assert (result.jobs["main"].stages["last"].status, done) == ("SKIP", [])


async def test_nothing_is_written_or_told_after_it(tmp_path: Path, gate: Gate) -> None:
    told: list[str] = []

    def note(_run: RunView, event: Event) -> None:
        told.append(f"{event.kind} {event.path}")

    store = Store(tmp_path / "runs.db")
    async with Runner(journal=store, catalog=gate.catalog()) as runner:
        handle = runner.start(document(), run_id="r", on_event=note)
        await gate.begun.wait()
        before = (list(told), store.paths("r"))
        handle.abandon("the lease was lost")
        handle.cancel()
        handle.abandon("once more")
        left = await handle.result()
        assert (told, store.paths("r")) == before
    assert before[1] == ["first", "f[0]/e", "f[1]/e", "f"]
    assert store.read("r").status is Status.WAIT
    assert [it.message for it in left.problems] == ["the lease was lost"]
    store.close()


@pytest.mark.parametrize(
    "stage",
    [
        {"run": "print('begun')\nwhile True: pass"},
        {"bash": "echo begun; sleep 60"},
    ],
)
async def test_its_guests_are_ended(stage: dict[str, Any], tmp_path: Path) -> None:
    begun = asyncio.Event()
    async with Runner(journal=tmp_path / "runs.db") as runner:
        handle = runner.start(
            {"name": "t", "stages": [{"id": "s", **stage}]},
            run_id="r",
            on_log=lambda _: begun.set(),
        )
        await begun.wait()
        busy = _descendants(os.getpid())
        handle.abandon("this worker drains")
        assert (await handle.result()).lost
        assert busy - _descendants(os.getpid())


def _descendants(pid: int) -> set[int]:
    """Return the processes below one; those that end meanwhile are of no account."""
    found: set[int] = set()
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in _children(task):
                found |= {child} | _descendants(child)
    return found


def _children(task: Path) -> list[int]:
    with suppress(FileNotFoundError, ProcessLookupError):
        return [int(child) for child in (task / "children").read_text().split()]
    return []


async def test_side_by_side_nothing_is_begun_after_it(tmp_path: Path, gate: Gate) -> None:
    """What is to go on in the same turn of the event loop begins no effect any more."""
    branches = {
        "a": [{"id": "g", "uses": "mine.gate"}],
        "b": [{"id": "w", "sleep": 0.05}, {"id": "h", "uses": "mine.gate"}],
    }
    store = Store(tmp_path / "runs.db")
    async with Runner(journal=store, catalog=gate.catalog()) as runner:
        handle: Any = None

        def leave(_run: RunView, event: Event) -> None:
            if event.kind == "stage-finished" and event.path == "p/b/w":
                handle.abandon("the lease was lost")

        document = {"name": "t", "stages": [{"id": "p", "parallel": branches}]}
        handle = runner.start(document, run_id="r", on_event=leave)
        assert (await handle.result()).lost
        journal, past = store.take("r")
        journal.close()
    assert (list(past.begun), list(past.records)) == (["p/a/g"], ["p/b/w"])
    store.close()


async def test_before_it_has_begun_and_after_it_has_ended(tmp_path: Path, gate: Gate) -> None:
    gate.may_end = True
    async with Runner(journal=tmp_path / "runs.db", catalog=gate.catalog()) as runner:
        early = runner.start(document(), run_id="r")
        early.abandon("never mind")
        left = await early.result()
        assert (left.lost, left.run_id, left.status) == (True, "r", "FAILED")
        handle = runner.start(document(), run_id="r")
        ended = await handle.result()
        handle.abandon("too late")
        assert (await handle.result()) is ended
    assert (ended.lost, ended.status) == (False, "SUCCESS")


@pytest.mark.parametrize(("call", "given"), [("abandon", ["late"]), ("cancel", [])])
async def test_while_it_tidies_up_it_has_ended(
    call: str, given: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from blockyard_platform.engine.guests import Guests

    closing, go_on, real = asyncio.Event(), asyncio.Event(), Guests.close

    async def close(self: Guests) -> None:
        closing.set()
        await go_on.wait()
        await real(self)

    monkeypatch.setattr(Guests, "close", close)
    store = Store(tmp_path / "runs.db")
    async with Runner(journal=store) as runner:
        handle = runner.start({"name": "t", "stages": [{"id": "a", "echo": "x"}]}, run_id="r")
        await closing.wait()
        getattr(handle, call)(*given)
        go_on.set()
        result = await handle.result()
    assert (result.lost, result.status, store.read("r").status) == (False, "SUCCESS", "SUCCESS")
    store.close()
