"""The platform's end of a guest's wire, where nothing keeps the guest from misusing its own: seccomp is left out.

Frames of every malformed kind are in ``cases/channel.txt``; here are the misuses that need more system calls, and
what goes over more than one call.
"""

import asyncio
import os
import resource
from pathlib import Path
from typing import Any

import pytest
from arena import HURRIED, LIMITS, Arena, Targets, limits_for

from blockyard_sandbox.guests import Guest
from blockyard_schemas.statuses import Code

LOOSE = frozenset({"seccomp", "rlimits", "cgroup", "landlock"})
ANSWER = 'frame({"id": T["call"], "value": "FORGED"})'
LOG = 'frame({"id": T["call"], "log": "x"})'

needs_root = pytest.mark.skipif(
    os.getuid() != 0 and os.environ.get("BLOCKYARD_REQUIRE") != "all",
    reason="leaving layers out needs root: an ordinary user cannot have a jail without a user namespace",
)


def _open() -> list[str]:
    return sorted(
        name
        for name in (_link(link) for link in Path("/proc/self/fd").iterdir())
        if name and not name.endswith("/cgroup.procs")
    )


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


@needs_root
@pytest.mark.parametrize(
    "code",
    [
        pytest.param(f"wire().sendmsg([{ANSWER}], [(1, 1, struct.pack('3i', 0, 1, 2))])", id="one"),
        pytest.param(
            f"for _ in range(100):\n    wire().sendmsg([{LOG}], [(1, 1, struct.pack('i', 3))])",
            id="many",
        ),
        pytest.param(
            f"wire().sendmsg([{LOG}], [(1, 1, struct.pack('250i', *[0] * 250))])", id="at once"
        ),
        pytest.param(
            "a, b = socket.socketpair()\n"
            "for _ in range(50):\n    socket.send_fds(a, [b'x'], [a.fileno(), b.fileno()])\n"
            f"wire().sendmsg([{LOG}], [(1, 1, struct.pack('2i', a.fileno(), b.fileno()))])",
            id="a socket that holds sockets",
        ),
    ],
)
def test_descriptors_that_are_sent_arrive_nowhere(
    code: str, arena: Arena, targets: Targets
) -> None:
    arena.sandbox(LOOSE)
    before = _open()
    guest = arena.guest(LOOSE)
    during = _open()
    answer = arena.ask(guest, code + "\nresult = 'mine'", targets.facts)
    assert _open() == during
    assert answer.error is not None or answer.value in ("mine", "FORGED")
    arena.runner.run(guest.close())
    assert _open() == before


@needs_root
@pytest.mark.parametrize(
    ("code", "codes"),
    [
        ("wire().shutdown(socket.SHUT_WR)\ntime.sleep(600)", {Code.UNHANDLED_EXCEPTION}),
        ("wire().shutdown(socket.SHUT_RD)\ntime.sleep(600)", {Code.TIMEOUT}),
        ("wire().shutdown(socket.SHUT_RDWR)\ntime.sleep(600)", {Code.UNHANDLED_EXCEPTION}),
        ("os.dup2(0, 3)\ntime.sleep(600)", {Code.UNHANDLED_EXCEPTION, Code.TIMEOUT}),
        ("wire().setblocking(False)\nos.kill(os.getpid(), 0)\ntime.sleep(600)", {Code.TIMEOUT}),
        ("wire().sendmsg([b''], [], socket.MSG_OOB)\ntime.sleep(600)", {Code.TIMEOUT, Code.UNHANDLED_EXCEPTION}),
        ("wire().send(b'!', socket.MSG_OOB)\ntime.sleep(600)", {Code.TIMEOUT, Code.UNHANDLED_EXCEPTION}),
    ],
)  # fmt: skip
def test_an_odd_end_of_the_wire_ends_the_guest(
    code: str, codes: set[Code], arena: Arena, targets: Targets
) -> None:
    limits = limits_for("/".join(each.name for each in codes))
    answer = arena.attack(code, targets.facts, LOOSE, limits)
    assert answer.error is not None
    assert answer.error.code in codes


@needs_root
def test_a_child_that_answers_in_its_parents_place_answers_its_own_call_alone(
    arena: Arena, targets: Targets
) -> None:
    code = f"""
child = os.fork()
if child == 0:
    os.write(3, {ANSWER})
    os._exit(0)
os.waitpid(child, 0)
time.sleep(0.1)
result = "mine"
"""
    guest = arena.guest(LOOSE, LIMITS)
    answer = arena.ask(guest, code, targets.facts)
    assert answer.error is not None or answer.value == "FORGED"
    assert arena.ask(guest, "result = 'mine'", targets.facts).error is not None
    arena.runner.run(guest.close())


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param('frame({"id": 2, "value": "FORGED"})', id="an answer to the next call"),
        pytest.param('frame({"id": 2, "value": "FORGED"})[:-1]', id="most of it"),
        pytest.param('frame({"id": 2, "log": "x"})', id="a log frame of the next call"),
        pytest.param('b"\\0\\0\\0\\x40{"', id="the start of a frame"),
        pytest.param('b"\\0\\0"', id="half a head"),
    ],
)
def test_what_is_left_over_from_one_call_is_not_taken_for_the_next(
    kept: str, arena: Arena, targets: Targets
) -> None:
    """A guest that keeps the start of a frame ready, or a whole answer to the next call, is ended."""
    guest = arena.guest()
    first = arena.ask(guest, f"os.write(3, {ANSWER} + {kept})\nos.read(3, 4)", targets.facts)
    assert first.error is not None or first.value == "FORGED"
    second = arena.ask(guest, "result = 'mine'", targets.facts | {"call": 2})
    assert second.error is not None
    assert second.value is None
    arena.runner.run(guest.close())


def test_one_guests_answer_never_becomes_anothers(arena: Arena, targets: Targets) -> None:
    """Guests that answer for all numbers, at once, spoil their own calls and no other."""
    forge = 'for number in range(50):\n    send({"id": number, "value": "FORGED"})'

    async def all_at_once() -> list[Any]:
        sandbox = arena.sandbox()
        guests: list[Guest] = [await sandbox.guest(LIMITS) for _ in range(6)]
        codes = [forge if number % 2 else f"result = {number}" for number in range(6)]
        payloads = [{"code": code, "targets": targets.facts} for code in codes]
        calls = [g.call("full", p) for g, p in zip(guests, payloads, strict=True)]
        answers = await asyncio.gather(*calls)
        for guest in guests:
            await guest.close()
        return [answer.value for answer in answers]

    values = arena.runner.run(all_at_once())
    assert values[::2] == [0, 2, 4]
    assert set(values[1::2]) <= {None}


def test_a_guest_that_does_not_read_costs_the_platform_nothing(
    arena: Arena, targets: Targets
) -> None:
    """A request that is larger than the socket's room waits no longer than the call's limit."""
    guest = arena.guest(limits=HURRIED)
    payload = {"code": "time.sleep(60)", "targets": targets.facts, "rest": "x" * (4 << 20)}

    async def call_twice() -> list[Any]:
        first = await guest.call("full", payload)
        second = await guest.call("full", payload)
        return [first.error, second.error]

    errors = arena.runner.run(call_twice())
    assert [error.code for error in errors] == [Code.TIMEOUT, Code.TIMEOUT]
    arena.runner.run(guest.close())


@pytest.mark.parametrize(
    "code",
    [
        "os.write(3, b'\\x00\\x04\\x00\\x00' + b'[' * 100)\nwhile True:\n    os.write(3, b'[' * 65536)",
        "while True:\n    os.write(3, frame({'id': T['call'], 'log': ''}) * 2000)",
        "body = b'{\"id\":1,\"value\":[' + b'{},' * 80_000 + b'{}]}'\nraw(body)",
        "body = b'{\"id\":1,\"value\":\"' + b'\\\\u0041' * 40_000 + b'\"}'\nraw(body)",
        "body = b'{\"id\":1,\"value\":{' + b','.join(b'\"k%d\":0' % n for n in range(20_000)) + b'}}'\nraw(body)",
    ],
)
def test_what_is_dear_to_decode_does_not_fill_the_platform(
    code: str, arena: Arena, targets: Targets
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    arena.attack(code, targets.facts | {"call": 1}, limits=HURRIED)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
    assert arena.attack("result = 'well'", targets.facts).value == "well"
