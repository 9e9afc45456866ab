"""A worker as a program: writes what it does into a file, and stops when it is terminated."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event

from blockyard_platform.service.dispatch.dispatcher import DbosDispatcher
from blockyard_platform.service.dispatch.port import Callbacks, Settings

PLACE, FOLDER, NAME = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
LOST = Event()


def trace(line: str) -> None:
    """Write a line that outlives this process, in one piece."""
    file = os.open(FOLDER / "trace.txt", os.O_WRONLY | os.O_APPEND)
    os.write(file, f"{line}\n".encode())
    os.close(file)


def execute(run_id: str) -> None:
    trace(f"begin {run_id} {NAME}")
    while run_id.startswith("held") and not (FOLDER / "go").exists():
        if LOST.wait(0.01):
            trace(f"dropped {run_id} {NAME}")
            return
    trace(f"end {run_id} {NAME}")


def on_lost(run_ids: Sequence[str]) -> None:
    LOST.set()
    for run_id in run_ids:
        trace(f"lost {run_id} {NAME}")


async def main() -> None:
    lease = float(sys.argv[4])
    poll = float(os.environ.get("POLL_SECONDS", "0")) or None
    settings = Settings(PLACE, 4, poll, lease_seconds=lease, heartbeat_seconds=0.2, name=NAME)
    callbacks = Callbacks(execute, lambda run_id: trace(f"cancel {run_id} {NAME}"), on_lost, trace)
    dispatcher = DbosDispatcher(settings, callbacks)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await asyncio.to_thread(dispatcher.start)
    trace(f"ready {NAME}")
    await ended.wait()
    dispatcher.stop(drain=False)
    trace(f"stopped {NAME}")


if __name__ == "__main__":
    asyncio.run(main())
