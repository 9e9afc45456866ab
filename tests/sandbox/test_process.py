"""A guest's process as its host sees it: what it died of, also when its end is told late."""

import asyncio
import os
import subprocess

import pytest

from blockyard_sandbox.jail.cgroups import CgroupPool
from blockyard_sandbox.process import Process
from blockyard_schemas.statuses import Code

LATE = 0.5
"""Seconds: longer than a process that has closed its socket is left to die by itself."""


def child_of(*words: str) -> subprocess.Popen[bytes]:
    """Start a program, which reads what never comes."""
    return subprocess.Popen(words, stdin=subprocess.PIPE)


def see_off(child: subprocess.Popen[bytes], *, collected: bool) -> None:
    """Let a child that reads go on, and wait for its end."""
    assert child.stdin is not None
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    if collected:
        child.wait()


@pytest.mark.parametrize("collected", [False, True], ids=["a zombie", "collected"])
@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("kill -SEGV $$", Code.KILLED_BY_SIGNAL),
        ("kill -KILL $$", Code.KILLED_BY_SIGNAL),
        ("kill -XFSZ $$", Code.FILE_SIZE_LIMIT),
        ("exit 3", Code.UNHANDLED_EXCEPTION),
    ],
)
async def test_an_end_that_is_told_late_keeps_its_cause(
    script: str, code: Code, *, collected: bool
) -> None:
    """Who collects a guest may be slow to do it, or to tell of it."""
    loop = asyncio.get_running_loop()
    gone: asyncio.Future[int | None] = loop.create_future()
    process = Process(gone, None, CgroupPool())
    child = child_of("sh", "-c", f"read go; ulimit -c 0; {script}")
    process.watch(os.pidfd_open(child.pid))
    see_off(child, collected=collected)
    loop.call_later(LATE, lambda: gone.set_result(child.wait()))
    failure = await process.cause()
    assert failure.code is code
    assert "hung up" not in failure.message
    await process.release()


async def test_one_that_only_closed_its_socket_is_killed() -> None:
    loop = asyncio.get_running_loop()
    gone: asyncio.Future[int | None] = loop.create_future()
    process = Process(gone, None, CgroupPool())
    child = child_of("cat")
    process.watch(os.pidfd_open(child.pid))
    waiting = loop.run_in_executor(None, child.wait)
    waiting.add_done_callback(lambda done: gone.set_result(done.result()))
    failure = await process.cause()
    assert failure.message == "the guest hung up before it answered"
    await process.release()
    assert child.stdin is not None
    child.stdin.close()
