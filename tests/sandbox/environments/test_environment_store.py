"""The store of environments: whole or not at all, made once, never removed under who uses it."""

import asyncio
import fcntl
import json
import os
import stat
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from blockyard_sandbox.environments.errors import EnvironmentUnavailableError
from blockyard_sandbox.environments.store import Built, EnvironmentStore

Make = Callable[[], Awaitable[Built]]

_MIB = 1024 * 1024


class Kitchen:
    """Makes environments with one file each, and counts them."""

    def __init__(self, store: EnvironmentStore, size: int = 10) -> None:
        self.store = store
        self.size = size
        self.made: list[str] = []
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    def make(self, name: str) -> Make:
        async def make() -> Built:
            folder = self.store.building / uuid.uuid4().hex
            (folder / "bin").mkdir(parents=True)
            (folder / "bin" / "tool").write_text("x" * self.size)
            (folder / "bin" / "tool").chmod(0o777)
            (folder / "link").symlink_to("/etc/passwd")
            self.begun.set()
            await asyncio.sleep(0.02)
            await self.gate.wait()
            self.made.append(name)
            return Built(folder, f"made {name}")

        return make

    async def use(self, name: str) -> None:
        async with self.store.use(name, self.make(name)):
            assert (self.store.environments / name / "bin" / "tool").stat().st_size == self.size


@pytest.fixture
async def kitchen(tmp_path: Path) -> AsyncIterator[Kitchen]:
    store = EnvironmentStore(tmp_path, 3 * _MIB + _MIB // 2)
    store.prepare()
    yield Kitchen(store)
    await store.close()


async def test_ten_who_want_the_same_have_it_made_once(kitchen: Kitchen) -> None:
    await asyncio.gather(*(kitchen.use("a") for _ in range(10)))
    assert kitchen.made == ["a"]
    assert kitchen.store.log("a") == "made a"


async def test_who_waits_for_another_process_holds_up_nobody(kitchen: Kitchen) -> None:
    """One that has just made an environment, or looks whether it may remove it, can stand still with its lock."""
    await kitchen.use("a")
    place = os.open(kitchen.store.building.parent / "locks" / "a", os.O_RDWR)
    fcntl.flock(place, fcntl.LOCK_EX)
    using = asyncio.ensure_future(kitchen.use("a"))
    for _ in range(5):
        await asyncio.sleep(0.02)
        assert not using.done()
    os.close(place)
    await using
    assert kitchen.made == ["a"]


async def test_who_gives_up_waiting_for_a_lock_does_not_keep_it(kitchen: Kitchen) -> None:
    lock = kitchen.store.building.parent / "locks" / "a"
    place = os.open(lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(place, fcntl.LOCK_EX)
    making = asyncio.ensure_future(kitchen.use("a"))
    await asyncio.sleep(0.1)
    await kitchen.store.close()
    with pytest.raises(asyncio.CancelledError):
        await making
    os.close(place)
    await asyncio.wait_for(kitchen.use("a"), 60)
    assert kitchen.made == ["a"]


async def test_what_is_made_is_sealed(kitchen: Kitchen) -> None:
    await kitchen.use("a")
    folder = kitchen.store.environments / "a"
    modes = {it.relative_to(folder).as_posix(): it.lstat().st_mode for it in folder.rglob("*")}
    assert stat.S_IMODE(modes["bin"]) == 0o555
    assert stat.S_IMODE(modes["bin/tool"]) == 0o555
    assert stat.S_ISLNK(modes["link"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o555
    assert list(kitchen.store.building.iterdir()) == []


async def test_a_failure_leaves_nothing_and_is_told_to_all_who_waited(kitchen: Kitchen) -> None:
    async def fail() -> Built:
        async with kitchen.store.workspace() as name:
            (kitchen.store.building / name / "half").write_text("x")
            await asyncio.sleep(0.02)
            raise RuntimeError("the index burnt down")

    async def use(make: Make) -> None:
        async with kitchen.store.use("a", make):
            raise AssertionError("it was given out")

    outcomes = await asyncio.gather(use(fail), use(fail), return_exceptions=True)
    assert [str(each) for each in outcomes] == ["the index burnt down"] * 2
    assert list(kitchen.store.building.iterdir()) == []
    assert list(kitchen.store.environments.iterdir()) == []
    await kitchen.use("a")
    assert kitchen.made == ["a"]


async def test_who_leaves_does_not_stop_the_making(kitchen: Kitchen) -> None:
    kitchen.gate.clear()
    impatient = asyncio.ensure_future(kitchen.use("a"))
    await kitchen.begun.wait()
    patient = asyncio.ensure_future(kitchen.use("a"))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait({impatient})
    kitchen.gate.set()
    await patient
    assert impatient.cancelled()
    assert kitchen.made == ["a"]


async def test_one_that_another_holds_is_waited_for_aside(kitchen: Kitchen) -> None:
    await kitchen.use("a")
    with (kitchen.store.building.parent / "locks" / "a").open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = asyncio.ensure_future(kitchen.use("a"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
    await waiting
    assert kitchen.made == ["a"]


async def test_a_pipe_or_a_device_is_refused(kitchen: Kitchen) -> None:
    async def make() -> Built:
        folder = kitchen.store.building / "odd"
        folder.mkdir()
        os.mkfifo(folder / "pipe")
        return Built(folder, "")

    with pytest.raises(
        EnvironmentUnavailableError, match="'pipe', which is no file, folder or link"
    ):
        async with kitchen.store.use("a", make):
            pass
    assert list(kitchen.store.environments.iterdir()) == []


async def test_the_least_recently_used_go_first_and_never_one_in_use(kitchen: Kitchen) -> None:
    kitchen.size = _MIB
    await kitchen.use("old")
    async with kitchen.store.use("held", kitchen.make("held")):
        await kitchen.use("kept")
        await kitchen.store.close()  # what is late to reach the disk has its time from then
        for place, age in (("old", 30), ("held", 40), ("kept", 20)):
            facts = kitchen.store.environments.parent / "facts" / f"{place}.json"
            os.utime(facts, (time.time() - age, time.time() - age))
        await kitchen.use("new")
        await kitchen.store.close()
        left = sorted(it.name for it in kitchen.store.environments.iterdir())
        assert left == ["held", "kept", "new", "old"]
    await kitchen.use("newer")
    await kitchen.store.close()
    left = sorted(it.name for it in kitchen.store.environments.iterdir())
    assert left == ["kept", "new", "newer"]


async def test_one_that_the_machine_went_down_with_is_made_again(kitchen: Kitchen) -> None:
    await kitchen.use("a")
    await kitchen.store.close()
    place = kitchen.store.environments.parent / "facts" / "a.json"
    facts = json.loads(place.read_text())
    assert facts["boot"] == "on disk"
    place.write_text(json.dumps(facts | {"boot": "another"}))
    await kitchen.use("a")
    assert kitchen.made == ["a", "a"]


SLOW = """
import asyncio, sys
from pathlib import Path
from blockyard_sandbox.environments.store import EnvironmentStore

store = EnvironmentStore(Path(sys.argv[1]), 1)

async def make():
    async with store.workspace() as name:
        (store.building / name / "half").write_text("x")
        print("begun", flush=True)
        await asyncio.sleep(600)

async def use():
    async with store.use("a", make):
        pass

asyncio.run(use())
"""


async def test_a_killed_builder_leaves_nothing_that_is_used(kitchen: Kitchen) -> None:
    words = [sys.executable, "-c", SLOW, str(kitchen.store.building.parent)]
    other = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    assert other.stdout is not None
    assert await other.stdout.readline() == b"begun\n"
    waiting = asyncio.ensure_future(kitchen.use("a"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    assert kitchen.made == []
    other.kill()
    await waiting
    await other.wait()
    assert kitchen.made == ["a"]
    assert not (kitchen.store.environments / "a" / "half").exists()
    EnvironmentStore(kitchen.store.building.parent, _MIB).prepare()
    assert list(kitchen.store.building.iterdir()) == []


async def test_a_workspace_is_left_alone_while_its_builder_lives(kitchen: Kitchen) -> None:
    async with kitchen.store.workspace() as name:
        EnvironmentStore(kitchen.store.building.parent, _MIB).prepare()
        assert (kitchen.store.building / name).is_dir()
    assert list(kitchen.store.building.iterdir()) == []


async def test_leftovers_of_a_killed_builder_are_removed_at_the_start(kitchen: Kitchen) -> None:
    left = kitchen.store.building / "gone" / "inner"
    left.mkdir(parents=True)
    left.chmod(0o500)
    EnvironmentStore(kitchen.store.building.parent, _MIB).prepare()
    assert list(kitchen.store.building.iterdir()) == []
