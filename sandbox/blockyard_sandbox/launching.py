"""The zygote's process: how it is started, and how its end is waited for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from blockyard_sandbox.errors import SandboxUnavailableError

if TYPE_CHECKING:
    import asyncio
    import socket

    from blockyard_sandbox.spec import JailSpec


def launch(spec: JailSpec, channel: socket.socket) -> subprocess.Popen[bytes]:
    """Start a zygote's process, with what its jail is to be; it speaks on ``channel``. Raises SandboxUnavailableError."""
    config = {
        "preload": list(spec.preload),
        "paths": list(spec.paths),
        "extensions": {name: list(made) for name, made in spec.extensions.items()},
        "binds": [asdict(bind) for bind in spec.binds],
        "links": [list(link) for link in spec.links],
        "programs": spec.programs,
        "level": spec.level,
        "without": sorted(spec.without),
    }
    given = os.memfd_create("blockyard-config", os.MFD_CLOEXEC)
    try:
        with os.fdopen(given, "wb", closefd=False) as stream:
            stream.write(json.dumps(config).encode())
        os.lseek(given, 0, os.SEEK_SET)
        environment = dict(os.environ) if "environment" in spec.without else {}
        return subprocess.Popen(  # noqa: S603  (our own interpreter and module)
            [sys.executable, "-I", "-m", "blockyard_sandbox.jail.zygote", str(channel.fileno())],
            stdin=given,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            pass_fds=[channel.fileno()],
            start_new_session=True,
            cwd="/",
        )
    except OSError as error:
        raise SandboxUnavailableError("zygote", f"cannot be started: {error}") from error
    finally:
        os.close(given)


async def reap(loop: asyncio.AbstractEventLoop, process: subprocess.Popen[bytes]) -> None:
    """Wait for a process's end by its descriptor, and collect it; who is cancelled has not waited, and collected nothing."""
    if process.poll() is not None:
        return
    descriptor = os.pidfd_open(process.pid)
    try:
        await readable(loop, descriptor)
    finally:
        os.close(descriptor)
    process.wait()


async def readable(loop: asyncio.AbstractEventLoop, channel: socket.socket | int) -> None:
    """Wait until there is something to read; a process's descriptor is readable once it has ended."""
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(channel, _set, ready)
    try:
        await ready
    finally:
        loop.remove_reader(channel)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
