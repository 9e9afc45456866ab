"""Full Python in the jail: every attack is stopped by the operating system's layers alone."""

import asyncio
import contextlib
import os
import resource
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest
from arena import LIMITS, Arena, Targets, groups_of, limits_for, shared_by_guests, wait_for_spares
from attack_cases import Case, read_cases

from blockyard_sandbox.answers import Answer
from blockyard_sandbox.jail import cgroups
from blockyard_sandbox.zygote import Zygote
from blockyard_schemas.statuses import Code

CASES = read_cases()
KNOWN = frozenset(range(134, 215, 2))
"""The known cases that are meant for full Python, by number; 196 is in test_tenants.py."""

needs_root = pytest.mark.skipif(
    os.getuid() != 0 and os.environ.get("BLOCKYARD_REQUIRE") != "all",
    reason="leaving layers out needs root: an ordinary user cannot have a jail without a user namespace",
)


def test_there_are_enough_cases_and_all_known_ones() -> None:
    assert len(CASES) >= 300
    assert len({case.name for case in CASES}) == len(CASES)
    assert KNOWN - {196} == {number for case in CASES for number in case.known}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_an_attack_is_stopped(case: Case, arena: Arena, targets: Targets) -> None:
    targets.sweep()
    facts = targets.facts | {"weak_sibling": arena.sibling().pid}
    before = footprint(arena.zygotes())
    guest = arena.guest(limits=limits_for(case.oracle))
    answer = arena.ask(guest, case.code, facts)
    _check(case.oracle, answer)
    if answer.value == "FORGED":
        assert arena.ask(guest, "result = 'mine'", facts).error is not None
    arena.runner.run(guest.close())
    assert targets.visits == 0
    assert targets.traces() == []
    check_footprint(before)
    assert arena.runner.run(arena.sibling().call("ping", {})).value == "pong"


@needs_root
@pytest.mark.parametrize("case", [pytest.param(c, id=c.name) for c in CASES if c.without])
def test_it_would_succeed_without_its_layers(case: Case, arena: Arena, targets: Targets) -> None:
    """An attack that cannot succeed shows nothing: each is tried where what stops it is left out."""
    facts = targets.facts | {"weak_sibling": arena.sibling(case.without).pid}
    answer = arena.attack(case.code, facts, case.without)
    targets.sweep()
    assert isinstance(answer.value, str), answer
    assert answer.value.startswith("PWNED"), answer.value


@pytest.mark.parametrize("case", [c for c in CASES if c.oracle.isupper()], ids=lambda c: c.name)
def test_the_platform_stays_small_and_goes_on(case: Case, arena: Arena, targets: Targets) -> None:
    """While one guest takes all it can, another one is served, and the platform's own memory stays."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    async def go_on() -> int:
        attacker = await arena.sandbox().guest(limits_for(case.oracle))
        other = await arena.sandbox().guest(LIMITS)
        payload = {"code": case.code, "targets": targets.facts}
        attack = asyncio.create_task(attacker.call("full", payload))
        served = 0
        while not attack.done() or served == 0:
            assert (await other.call("ping", {})).value == "pong"
            served += 1
            await asyncio.sleep(0.01)
        await attacker.close()
        await other.close()
        return served

    assert arena.runner.run(go_on()) > 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most < 48 * 1024


def _check(oracle: str, answer: Answer) -> None:
    if oracle == "stopped":
        assert answer.error is None, answer
        assert isinstance(answer.value, str)
        assert answer.value.startswith("stopped"), answer.value
    elif oracle == "own":
        assert answer.error is not None or answer.value in ("mine", "OWN", 7, [1, 2, 3]), answer
    elif oracle == "channel":
        _check_channel(answer)
    else:
        assert answer.error is not None, answer
        assert answer.error.code.name in oracle.split("/"), answer


def _check_channel(answer: Answer) -> None:
    """The call failed, or took what its own guest made of it; a guest that forged is not used again."""
    if answer.error is None:
        assert answer.value in ("mine", "FORGED"), answer
    else:
        broken = {Code.UNHANDLED_EXCEPTION, Code.RESULT_LIMIT, Code.TIMEOUT, Code.CPU_LIMIT}
        assert answer.error.code in broken, answer


class Footprint(NamedTuple):
    """What a finished guest must have given back: processes, descriptors, control groups, shared memory."""

    children: int
    descriptors: list[str]
    groups: int
    shared: frozenset[str]


def footprint(zygotes: Iterable[Zygote] = ()) -> Footprint:
    """Return what is held now; the next guests of these zygotes are waited for, which are on their way into their groups."""
    wait_for_spares(zygotes)
    return Footprint(_children(), _descriptors(), _members(), shared_by_guests())


def check_footprint(before: Footprint) -> None:
    """All is as before."""
    after = footprint()
    until = time.monotonic() + 60
    while after[:3] != before[:3] and time.monotonic() < until:
        time.sleep(0.01)  # the next guest is on its way into its group
        after = footprint()
    assert after[:3] == before[:3]
    assert not after.shared - before.shared


def _descriptors() -> list[str]:
    """Return what is open here, but for the lists of control groups, which are kept for the next guests."""
    found: list[str] = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the folder's own, which is closed by now
            found.append(os.readlink(link))
    return sorted(name for name in found if not name.endswith("/cgroup.procs"))


def _children() -> int:
    return len(Path("/proc/self/task", str(os.getpid()), "children").read_text().split())


def _members() -> int:
    """Return how many processes are in the control groups of guests; one is that which waits to be the next guest."""
    return sum(
        len((group / "cgroup.procs").read_text().split()) for group in groups_of(cgroups.owner())
    )
