"""What a guest died of is told as it was, however late the zygote tells of the end."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from blockyard_sandbox.jail.cgroups import Cgroup, CgroupPool
from blockyard_sandbox.process import Process
from blockyard_sandbox.sandbox import Sandbox
from blockyard_sandbox.spec import JailSpec
from blockyard_schemas.statuses import Code


class Impatient(Process):
    """Says when it does not wait any more for an end to be told."""

    over = asyncio.Event()

    def kill(self) -> None:
        super().kill()
        self.over.set()


@pytest.fixture
def over(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    event = asyncio.Event()
    monkeypatch.setattr(Impatient, "over", event)
    monkeypatch.setattr("blockyard_sandbox.guests.Process", Impatient)
    return event


def zygote_of(sandbox: Sandbox) -> int:
    """Return the process that forks the guests: the only child of its launcher."""
    (child,) = Path(f"/proc/{sandbox.pid}/task/{sandbox.pid}/children").read_text().split()
    return int(child)


async def test_a_zygote_that_stands_still_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blockyard_sandbox.zygote.CLOSE_SECONDS", 0.2)
    sandbox = Sandbox(JailSpec())
    await sandbox.start()
    zygote = zygote_of(sandbox)
    ended = os.pidfd_open(zygote)
    os.kill(zygote, signal.SIGSTOP)
    await sandbox.close()
    assert select.select([ended], [], [], 60)[0]
    os.close(ended)


async def test_a_kill_is_told_by_a_zygote_that_stood_still(over: asyncio.Event) -> None:
    async with Sandbox(JailSpec()) as sandbox:
        guest = await sandbox.guest()
        call = asyncio.create_task(guest.call("python", {"code": "while True: pass", "vars": {}}))
        await asyncio.sleep(0)
        zygote = zygote_of(sandbox)
        os.kill(zygote, signal.SIGSTOP)
        try:
            os.kill(guest.pid, signal.SIGKILL)
            await over.wait()
        finally:
            os.kill(zygote, signal.SIGCONT)
        answer = await call
        await guest.close()
    assert answer.error is not None
    assert answer.error.code is Code.KILLED_BY_SIGNAL


def held(words: list[str]) -> tuple[subprocess.Popen[bytes], Impatient, asyncio.Future[int | None]]:
    """Return a child of this process, and how a guest would be held that is the same process."""
    child = subprocess.Popen(words, stdin=subprocess.PIPE)
    gone: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
    process = Impatient(gone, None, CgroupPool())
    process.watch(os.pidfd_open(child.pid))
    return child, process, gone


async def test_an_end_is_told_after_the_process_was_collected(over: asyncio.Event) -> None:
    child, process, gone = held([sys.executable, "-c", "input()"])
    with child:
        child.kill()
    cause = asyncio.create_task(process.cause())
    await over.wait()
    gone.set_result(-signal.SIGXCPU)
    assert (await cause).code is Code.CPU_LIMIT
    await process.release()


async def test_one_that_lives_and_only_hung_up_is_killed(over: asyncio.Event) -> None:
    child, process, gone = held([sys.executable, "-c", "input()"])
    cause = asyncio.create_task(process.cause())
    await over.wait()
    with child:
        gone.set_result(child.wait())
    assert child.returncode == -signal.SIGKILL
    assert (await cause).code is Code.UNHANDLED_EXCEPTION
    await process.release()


class Pool(CgroupPool):
    """Keeps what it was given back."""

    back: list[Cgroup]

    def release(self, group: Cgroup) -> None:
        self.back.append(group)


async def test_a_group_is_given_back_once_its_process_is_gone_also_when_nobody_waited() -> None:
    gone: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
    pool, group = Pool(), Cgroup((), ())
    pool.back = []
    process = Process(gone, group, pool)
    await process.release()  # the zygote was asked for it, and has not answered yet
    assert pool.back == []
    gone.set_result(0)
    await asyncio.sleep(0)
    assert pool.back == [group]
