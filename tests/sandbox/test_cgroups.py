"""Control groups: none is left behind, none is taken for another's, and looking for them is safe at any moment."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import unavailable

from blockyard_sandbox.jail import cgroups
from blockyard_sandbox.jail.cgroups import CgroupPool
from blockyard_sandbox.limits import GuestLimits

MEMORY = ("memory.max", "memory.limit_in_bytes")


@pytest.fixture
def bases() -> tuple[Path, ...]:
    found = cgroups.find().bases
    if not found:
        unavailable("this machine has no control groups to make")
    return found


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """Yield a process that sleeps."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_a_group_in_which_a_process_is_left_is_removed_once_that_has_gone(
    bases: tuple[Path, ...], sleeper: subprocess.Popen[bytes]
) -> None:
    pool = CgroupPool(bases)
    group = pool.acquire(GuestLimits())
    assert group is not None
    for entry in group.entries:
        os.write(entry, str(sleeper.pid).encode())
    assert not pool.close()
    assert any(folder.exists() for folder in group.folders)
    sleeper.kill()
    sleeper.wait()
    until = time.monotonic() + 60
    while not pool.close():
        assert time.monotonic() < until
    assert not any(folder.exists() for folder in group.folders)


def test_what_one_pool_has_left_is_never_in_the_way_of_another(
    bases: tuple[Path, ...], sleeper: subprocess.Popen[bytes]
) -> None:
    """Objects come to lie where others have lain: an address names none for longer than it lives."""
    left: list[Path] = []
    names: set[str] = set()
    for _ in range(20):
        pool = CgroupPool(bases)
        group = pool.acquire(GuestLimits())
        assert group is not None
        names.add(group.name)
        left += group.folders
        for entry in group.entries:
            os.write(entry, str(sleeper.pid).encode())
        pool.close()
        del pool, group
    assert len(names) == 20
    sleeper.kill()
    sleeper.wait()
    until = time.monotonic() + 60
    while any(folder.exists() for folder in left):
        assert time.monotonic() < until
        for folder in left:
            if folder.exists() and not (folder / "cgroup.procs").read_text():
                folder.rmdir()


def test_groups_are_found_by_several_threads_at_once(bases: tuple[Path, ...]) -> None:
    found: list[tuple[Path, ...]] = []
    start = threading.Barrier(8)

    def look() -> None:
        start.wait()
        found.extend(cgroups.find().bases for _ in range(20))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {bases}


def test_a_platform_that_ends_while_it_is_looked_at_is_gone(
    bases: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its number can still be opened then, and no longer be read."""
    namespace, number, _ = cgroups.owner().split("-")
    gone = [base / f"blockyard-{namespace}-{number}-1-mark-0" for base in bases]
    for folder in gone:
        folder.mkdir()
    read = Path.read_text

    def ends(path: Path) -> str:
        if path == Path(f"/proc/{number}/stat") and any(folder.exists() for folder in gone):
            raise ProcessLookupError
        return read(path)

    pool = CgroupPool(bases, "another")
    monkeypatch.setattr("blockyard_sandbox.jail.cgroups.owner", lambda: "0-0-0")
    monkeypatch.setattr(Path, "read_text", ends)
    pool.acquire(GuestLimits())
    monkeypatch.undo()
    assert not any(folder.exists() for folder in gone)
    assert pool.close()


def test_a_group_that_is_still_full_is_not_taken_for_less(bases: tuple[Path, ...]) -> None:
    """A file in memory outlives who wrote it, as the folder of a guest does for a moment."""
    pool = CgroupPool(bases)
    group = pool.acquire(GuestLimits(memory_bytes=512 << 20))
    assert group is not None
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        fill = "import os, sys; sys.stdin.read(1); os.write(1, bytes(128 << 20))"
        with subprocess.Popen(
            [sys.executable, "-c", fill], stdin=subprocess.PIPE, stdout=file
        ) as writer:
            for entry in group.entries:
                os.write(entry, str(writer.pid).encode())
        assert os.stat(file.name).st_size == 128 << 20
        pool.release(group)
        other = pool.acquire(GuestLimits(memory_bytes=16 << 20))
        assert other is not None
        limits = [folder / name for folder in other.folders for name in MEMORY]
        assert [int(it.read_text()) for it in limits if it.exists()] == [48 << 20]
    assert pool.close()
