"""What a guest leaves behind is gone with it: processes, memory, names, and all of it when the platform itself dies."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

import pytest
from arena import HURRIED, LIMITS, Arena, Targets, groups_of, shared_by_guests

from blockyard_sandbox.jail import cgroups
from blockyard_sandbox.spec import UID_BASE

OPEN = frozenset({"seccomp", "rlimits", "cgroup", "landlock", "uid", "capabilities"})
"""Left out, so that there is something to leave behind: what collects it are the namespaces."""

BROOD = """
reader, writer = os.pipe()
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        for number in set(range(1, 64)) - {9, 19, 32, 33}:
            signal.signal(number, signal.SIG_IGN)
        if os.fork() == 0:
            os.write(writer, b"x")
            time.sleep(600)
        time.sleep(600)
        os._exit(0)
for _ in range(5):
    os.read(reader, 1)
"""
"""Five processes and a child of each; it goes on once all of them are there."""

HOST = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from arena import LIMITS, spec_of
from blockyard_sandbox.sandbox import Sandbox

async def main():
    sandbox = Sandbox(spec_of())
    await sandbox.start()
    guest = await sandbox.guest(LIMITS)
    print(sandbox.pid, guest.pid, flush=True)
    payload = {"code": "time.sleep(600)", "targets": {}}
    await guest.call("full", payload, limits=LIMITS.__class__(wall_seconds=600))

asyncio.run(main())
"""

_OF_ENGINES = "docker|containerd|/containers/|/run/netns/|blockyard-engine-|blockyard-volumes/"
"""What is mounted where a container engine runs, and by tests that use one."""

needs_root = pytest.mark.skipif(
    os.getuid() != 0 and os.environ.get("BLOCKYARD_REQUIRE") != "all",
    reason="leaving layers out needs root: an ordinary user cannot have a jail without a user namespace",
)


@needs_root
@pytest.mark.parametrize("end", ["result = 1", "os._exit(0)", "ctypes.string_at(1)"])
def test_a_brood_that_hears_no_signal_ends_with_its_guest(
    end: str, arena: Arena, targets: Targets
) -> None:
    limits = replace(LIMITS, processes=64)
    guest = arena.guest(OPEN, limits)
    arena.ask(guest, BROOD, targets.facts)
    house = os.readlink(f"/proc/{guest.pid}/ns/pid")
    assert len(_inhabitants(house)) == 11
    arena.ask(guest, end, targets.facts)
    arena.runner.run(guest.close())
    assert _inhabitants(house) == []


@needs_root
def test_a_brood_is_ended_at_the_limit(arena: Arena, targets: Targets) -> None:
    """The processes of a guest that is out of time go with it, though each was within its own."""
    limits = replace(HURRIED, processes=64)
    guest = arena.guest(OPEN, limits)
    house = os.readlink(f"/proc/{guest.pid}/ns/pid")
    assert arena.ask(guest, BROOD + "time.sleep(60)", targets.facts).error is not None
    arena.runner.run(guest.close())
    assert _inhabitants(house) == []


@needs_root
@pytest.mark.parametrize(
    ("leave", "look"),
    [
        pytest.param("sc('shmget', 77, 4096, 0o1666)", "sc('shmget', 77, 0, 0)", id="memory"),
        pytest.param("sc('semget', 77, 1, 0o1666)", "sc('semget', 77, 0, 0)", id="semaphores"),
        pytest.param("sc('msgget', 77, 0o1666)", "sc('msgget', 77, 0)", id="messages"),
        pytest.param(
            "sc('mq_open', b'left', os.O_CREAT | os.O_RDWR, 0o666, 0)",
            "sc('mq_open', b'left', os.O_RDONLY, 0, 0)",
            id="queues",
        ),
        pytest.param(
            "open('/scratch/left', 'w').write('mine')", "open('/scratch/left').read()", id="files"
        ),
        pytest.param(
            "ctypes.CDLL(None).mount(b'x', b'/usr', b'tmpfs', 0, None)",
            "os.listdir('/usr') == []",
            id="mounts",
        ),
    ],
)
def test_the_next_guest_finds_nothing(
    leave: str, look: str, arena: Arena, targets: Targets
) -> None:
    """Even where all but the namespaces is left out: each guest has its own, or a copy."""
    first = arena.attack(f"{leave}\nresult = attempt(lambda: {look} or True)", targets.facts, OPEN)
    assert str(first.value).startswith("PWNED"), first
    second = arena.attack(f"result = attempt(lambda: {look})", targets.facts, OPEN)
    assert str(second.value).startswith("stopped"), second


def test_nothing_of_a_guest_is_left_on_the_host(arena: Arena, targets: Targets) -> None:
    def look() -> dict[str, object]:
        return {
            "shared": shared_by_guests(),
            "memory": _segments(),
            "mounts": _mounts(),
            "name": os.uname().nodename,
        }

    before = look()
    for code in ("open('/scratch/a', 'wb').write(bytes(900_000))", "os._exit(0)", "os.abort()"):
        arena.attack(code, targets.facts)
    assert look() == before


def _segments() -> list[list[str]]:
    """Return key, number, rights and size of the shared memory that is ours, or a guest's; databases elsewhere have theirs."""
    rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    return [row[:4] for row in rows if int(row[7]) == os.getuid() or int(row[7]) >= UID_BASE]


def _mounts() -> list[str]:
    """Return where something is mounted, but for what engines of containers mount meanwhile."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if not re.search(_OF_ENGINES, line)]


@contextlib.contextmanager
def _platform() -> Generator[tuple[subprocess.Popen[str], list[int], str], None, None]:
    """Give another platform with a busy guest: its process, zygote and guest, and the owner of its groups; kill it."""
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, str(Path(__file__).parent)], stdout=subprocess.PIPE, text=True
    )
    with host:
        assert host.stdout is not None
        pids = [int(word) for word in host.stdout.readline().split()]
        try:
            yield host, pids, cgroups.owner(host.pid)
        finally:
            host.kill()


def test_zygote_and_guests_die_with_the_platform() -> None:
    """A platform that is killed can't clean up: the kernel does."""
    with _platform() as (host, pids, _):
        assert len(pids) == 2
        assert all(Path(f"/proc/{pid}").exists() for pid in pids)
        host.send_signal(signal.SIGKILL)
        host.wait()
    _wait_until_gone(pids)


@pytest.mark.skipif(
    not cgroups.find().bases and os.environ.get("BLOCKYARD_REQUIRE") != "all",
    reason="there are no control groups to be written",
)
def test_the_next_platform_removes_the_groups_of_a_killed_one() -> None:
    with _platform() as (_, pids, killed):
        assert len(groups_of(killed)) >= len(cgroups.find().bases)
    _wait_until_gone(pids)
    _wait_until_empty(killed)
    with _platform() as (_, _, living):
        assert groups_of(killed) == []
        with _platform():
            assert len(groups_of(living)) >= len(cgroups.find().bases)


def test_guests_die_with_their_zygote_and_the_platform_goes_on(
    arena: Arena, targets: Targets
) -> None:
    arena.sibling()
    with arena.guests(1, frozenset({"uts"})) as (guest,):
        sandbox = arena.sandbox(frozenset({"uts"}))
        assert sandbox.pid is not None
        os.kill(sandbox.pid, signal.SIGKILL)
        _wait_until_gone([guest.pid])
        answer = arena.ask(guest, "result = 1", targets.facts)
        assert answer.error is not None
    assert arena.attack("result = 2", targets.facts, frozenset({"uts"})).value == 2
    assert arena.attack("result = 3", targets.facts).value == 3


def _wait_until_gone(pids: list[int]) -> None:
    """Wait for ends that the kernel has begun; fails after a minute."""
    due = monotonic() + 60
    while alive := [pid for pid in pids if _state(pid) not in ("Z", "")]:
        assert monotonic() < due, alive
        sleep(0.01)


def _wait_until_empty(owner: str) -> None:
    """Wait until nobody is in the groups of a platform, not even a guest that was kept ready; fails after a minute."""
    due = monotonic() + 60
    while any(_members(group) for group in groups_of(owner)):
        assert monotonic() < due
        sleep(0.01)


def _members(group: Path) -> list[str]:
    try:
        return (group / "cgroup.procs").read_text().split()
    except OSError:  # it has just been removed
        return []


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _inhabitants(namespace: str) -> list[int]:
    """Return the processes of a pid namespace, as the host counts them."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(path / "ns/pid") == namespace:
                found.append(int(path.name))
        except OSError:
            continue
    return found
