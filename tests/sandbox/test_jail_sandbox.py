"""The sandbox: guests that answer, limits that end them each with its code, and layers that fail closed."""

import asyncio
import gc
import os
import select
import signal
import time
from contextlib import suppress

import pytest

from blockyard_sandbox.doctor import examine, level_of
from blockyard_sandbox.errors import ZygoteDiedError
from blockyard_sandbox.limits import GuestLimits
from blockyard_sandbox.programs import program_spec
from blockyard_sandbox.sandbox import Answer, Guest, Sandbox
from blockyard_sandbox.spec import LAYERS, OPTIONAL, GuestView, JailSpec
from blockyard_sandbox.zygote import Zygote
from blockyard_schemas.statuses import Code


async def python(code: str, limits: GuestLimits | None = None) -> tuple[Answer, bool, list[str]]:
    lines: list[str] = []
    async with Sandbox(JailSpec()) as sandbox:
        guest = await sandbox.guest(limits or GuestLimits())
        answer = await guest.call("python", {"code": code, "vars": {}}, on_log=lines.append)
        alive = guest.alive
        await guest.close()
    return answer, alive, lines


async def test_a_stage_answers_and_what_it_prints_is_heard() -> None:
    answer, alive, lines = await python("print('a', 1)\nresult = 6 * 7")
    assert answer.value == {"outputs": {"result": 42}}
    assert alive
    assert "".join(lines) == "a 1\n"


@pytest.mark.parametrize(
    ("code", "limits", "expected"),
    [
        ("while True: pass", GuestLimits(cpu_seconds=0.3), Code.CPU_LIMIT),
        ("import time\ntime.sleep(60)", GuestLimits(wall_seconds=0.3), Code.TIMEOUT),
        (
            "x = [bytearray(1000000) for i in range(10000)]",
            GuestLimits(memory_bytes=64 << 20),
            Code.MEMORY_LIMIT,
        ),
        ("while True: print('x' * 1000)", GuestLimits(output_bytes=10_000), Code.OUTPUT_LIMIT),
        ("result = 'x' * 20000", GuestLimits(result_bytes=10_000), Code.RESULT_LIMIT),
        (
            "it = iter([1])\nfor i in range(2000000):\n    it = filter(None, it)\nresult = list(it)",
            GuestLimits(cpu_seconds=60, wall_seconds=120),
            Code.KILLED_BY_SIGNAL,
        ),
    ],
)
async def test_each_limit_has_its_code(
    code: str, limits: GuestLimits | None, expected: Code
) -> None:
    answer, _, _ = await python(code, limits)
    assert answer.error is not None
    assert answer.error.code is expected


async def test_an_answer_in_time_leaves_its_guest_alive_however_late_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Sandbox(JailSpec()) as sandbox:
        guest = await sandbox.guest(GuestLimits(wall_seconds=60))
        loop = asyncio.get_running_loop()

        def stand_still(_: str) -> None:
            channel = guest._sock  # pyright: ignore[reportPrivateUsage]
            select.select([channel], [], [], 60)
            monkeypatch.setattr(loop, "time", lambda: time.monotonic() + 60)

        code = "import time\nprint('x')\ntime.sleep(0.05)\nresult = 1"
        answer = await guest.call("python", {"code": code, "vars": {}}, on_log=stand_still)
        assert answer.value == {"outputs": {"result": 1}}
        assert (await guest.call("ping", {})).value == "pong"
        monkeypatch.undo()
        await guest.close()


async def test_a_cancelled_call_ends_its_guest() -> None:
    async with Sandbox(JailSpec()) as sandbox:
        guest = await sandbox.guest()
        call = asyncio.create_task(guest.call("python", {"code": "while True: pass", "vars": {}}))
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not guest.alive
        await guest.close()


async def test_a_zygote_that_died_is_replaced_and_its_guests_are_told() -> None:
    async with Sandbox(JailSpec()) as sandbox:
        guest = await sandbox.guest()
        call = asyncio.create_task(guest.call("python", {"code": "while True: pass", "vars": {}}))
        await asyncio.sleep(0.1)
        assert sandbox.pid is not None
        os.kill(sandbox.pid, signal.SIGKILL)
        answer = await call
        assert answer.error is not None
        assert answer.error.code is Code.INTERRUPTED
        await guest.close()
        fresh = await sandbox.guest()
        assert (await fresh.call("ping", {})).value == "pong"
        await fresh.close()


async def test_a_guest_whose_zygote_dies_before_it_is_there_is_borne_by_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bear, dead = Zygote.bear, list[int]()

    async def dies_once(self: Zygote, limits: GuestLimits, view: GuestView) -> Guest:
        if not dead and sandbox.pid is not None:
            dead.append(sandbox.pid)
            os.kill(sandbox.pid, signal.SIGKILL)
            while self.alive:
                await asyncio.sleep(0.001)
            raise ZygoteDiedError("zygote", "its process has ended")
        return await bear(self, limits, view)

    async with Sandbox(JailSpec()) as sandbox:
        monkeypatch.setattr(Zygote, "bear", dies_once)
        guest = await sandbox.guest()
        assert dead != [sandbox.pid]
        assert (await guest.call("ping", {})).value == "pong"
        await guest.close()


async def test_a_host_without_memory_for_it_sends_no_endless_input() -> None:
    async with Sandbox(JailSpec()) as sandbox:
        guest = await sandbox.guest()
        answer = await guest.call("python", {"code": "result = 1", "vars": {"x": float("nan")}})
        assert answer.error is not None
        assert answer.error.code is Code.INVALID_TYPE
        big = await guest.call(
            "python", {"code": "result = len(x)", "vars": {"x": "y" * 3_000_000}}
        )
        assert big.value == {"outputs": {"result": 3_000_000}}
        await guest.close()


def test_the_doctor_tries_every_layer() -> None:
    layers = examine()
    assert [layer.name for layer in layers] == list(LAYERS)
    assert level_of(layers) == "full"
    assert {layer.name for layer in layers if not layer.holds} <= OPTIONAL
    assert all(layer.stops and layer.detail for layer in layers)


def test_an_unknown_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="no such layers: wall"):
        JailSpec(without=frozenset({"wall"}))


def _open() -> list[str]:
    """Return what is open here, but for the lists of control groups, which are kept for the next guests."""
    found: list[str] = []
    for link in os.scandir("/proc/self/fd"):
        with suppress(OSError):  # the folder's own, which is closed by now
            found.append(os.readlink(link.path))
    return sorted(name for name in found if not name.endswith("/cgroup.procs"))


def _stand_still() -> None:
    """Let everything come to the event loop that is on its way, before the loop looks at any of it."""
    time.sleep(0.15)


@pytest.mark.parametrize("network", [False, True])
@pytest.mark.parametrize("later", [0.0, 0.05])
async def test_a_guest_that_is_born_when_nobody_waits_any_more_is_ended(
    later: float, *, network: bool
) -> None:
    """A loop that stood still finds the birth and the end of a timeout at the same moment."""
    spec = program_spec("full") if network else JailSpec()
    async with Sandbox(spec) as sandbox:
        await (await sandbox.guest()).close()
        before = _open()
        for _ in range(3):
            bearing = asyncio.create_task(sandbox.guest(None, GuestView(network=network)))
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_later(later, bearing.cancel)
            _stand_still()
            with suppress(asyncio.CancelledError):
                await (await bearing).close()
        gc.collect()
        assert _open() == before
