"""Two guests side by side, and one after the other: neither sees the other, and nothing is left of either."""

import gc
import os
import re
import resource
from pathlib import Path

import pytest
from arena import HURRIED, LIMITS, Arena, Targets, groups_of, spec_of

from blockyard_sandbox.jail import cgroups
from blockyard_sandbox.sandbox import Sandbox

WRITE = "open('/scratch/note', 'w').write('mine'); result = os.listdir('/scratch')"
POISON = "import json, builtins\njson.dumps = lambda *a, **k: 'PWNED'\nbuiltins.len = lambda x: 42\nresult = 1"


def test_scratch_folders_are_private(arena: Arena, targets: Targets) -> None:
    first, second = arena.guest(), arena.guest()
    try:
        assert arena.ask(first, WRITE, targets.facts).value == ["note"]
        assert arena.ask(second, "result = os.listdir('/scratch')", targets.facts).value == []
    finally:
        arena.runner.run(first.close())
        arena.runner.run(second.close())


def test_guests_have_users_of_their_own_where_root_can_give_them(
    arena: Arena, targets: Targets
) -> None:
    first, second = arena.guest(), arena.guest()
    try:
        users = [_status(guest.pid)["Uid"].split() for guest in (first, second)]
        assert len(set(users[0])) == 1
        if os.getuid() == 0:
            assert users[0] != users[1]
            assert os.stat("/").st_uid not in {int(users[0][0]), int(users[1][0])}
    finally:
        arena.runner.run(first.close())
        arena.runner.run(second.close())


def test_the_kernel_says_that_all_is_dropped(arena: Arena) -> None:
    guest = arena.guest()
    try:
        status = _status(guest.pid)
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {
            "0" * 16
        }
        assert status["NSpid"].split()[-1] == "1"
        if os.getuid() != 0:
            return  # only root may read the links of a process that is not dumpable
        ours = {
            name: os.readlink(f"/proc/self/ns/{name}")
            for name in ("user", "mnt", "pid", "net", "ipc", "uts")
        }
        theirs = {name: os.readlink(f"/proc/{guest.pid}/ns/{name}") for name in ours}
        assert not set(ours.values()) & set(theirs.values())
    finally:
        arena.runner.run(guest.close())


def test_a_guest_sees_no_process_but_itself(arena: Arena, targets: Targets) -> None:
    assert arena.attack("result = os.getpid()", targets.facts).value == 1


def test_a_poisoned_module_is_gone_with_its_guest(arena: Arena, targets: Targets) -> None:
    arena.attack(POISON, targets.facts, limits=HURRIED)
    code = "import json\nresult = [json.dumps([1]), len('abc')]"
    assert arena.attack(code, targets.facts).value == ["[1]", 3]


def test_random_numbers_differ_between_guests(arena: Arena, targets: Targets) -> None:
    code = "import random\nresult = [random.random(), os.urandom(8).hex()]"
    answers = [arena.attack(code, targets.facts).value for _ in range(3)]
    assert len({value[0] for value in answers}) == 3
    assert len({value[1] for value in answers}) == 3


def test_a_run_leaves_no_data_for_the_next(arena: Arena, targets: Targets) -> None:
    arena.attack("held = {'token': 'CANARY-OF-ANOTHER-tenant'}\nresult = 1", targets.facts)
    code = (
        "import gc\n"
        "result = sum(type(t) is dict and any(type(v) is str and v.startswith('CANARY-OF-' + 'ANOTHER')"
        " for v in list(t.values())) for t in gc.get_objects())"
    )
    assert arena.attack(code, targets.facts).value == 0


def test_the_platform_stays_small_and_answers_while_guests_flood_it(
    arena: Arena, targets: Targets
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(3):
        arena.attack(
            "import os\nwhile True:\n    os.write(3, bytes([0, 1, 0, 0]) + b'x' * 65536)",
            targets.facts,
        )
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
    assert arena.attack("result = 2", targets.facts).value == 2


def test_closing_leaves_no_process_group_or_descriptor(arena: Arena, targets: Targets) -> None:
    gc.collect()
    descriptors = len(os.listdir("/proc/self/fd"))
    groups = _groups()
    sandbox = Sandbox(spec_of())

    async def use() -> list[int]:
        async with sandbox:
            pids = [sandbox.pid or 0]
            guests = [await sandbox.guest(LIMITS) for _ in range(3)]
            pids += [guest.pid for guest in guests]
            await guests[0].close()
            await guests[1].close()
        await guests[2].close()
        return pids

    pids = arena.runner.run(use())
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert _groups() == groups
    assert len(os.listdir("/proc/self/fd")) == descriptors


@pytest.mark.parametrize("name", ["JailSpec", "without", "extensions"])
def test_no_shipped_part_but_the_platforms_own_builds_a_jail(name: str) -> None:
    """The fields that could weaken a jail are set in one place of the product, and not from data."""
    root = Path(__file__).parents[2]
    users = [
        path.relative_to(root).as_posix()
        for room in ("platform", "blocks", "schemas")
        for path in (root / room).rglob("*.py")
        if re.search(rf"\b{name}\b\s*[(=:]", path.read_text())
        and "blockyard_sandbox.spec" in path.read_text()
    ]
    assert set(users) <= {"platform/blockyard_platform/engine/premises.py"}


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _groups() -> list[str]:
    return [str(path) for path in groups_of(cgroups.owner())]
