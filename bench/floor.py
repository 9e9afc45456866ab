"""The floor under a first stage: a warm process forks a child that closes itself in and ends. No engine, no frames."""

import os
import statistics
import sys
import time
from typing import Any

from blockyard_sandbox.guest.operations import handlers
from blockyard_sandbox.jail import kernel, zygote
from blockyard_sandbox.jail.steps import Guesthouse, close_in
from blockyard_sandbox.limits import GuestLimits

NOTHING = frozenset[str]()


def main(rounds: int) -> None:
    """Print the median of so many rounds in seconds."""
    config: dict[str, Any] = {
        "preload": [],
        "paths": [],
        "extensions": {},
        "binds": [],
        "links": [],
        "programs": False,
        "level": "full",
    }
    loaded = zygote.load(config)
    root = os.geteuid() == 0
    zygote.enter(NOTHING, as_root=root)
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        sys.exit(os.waitstatus_to_exitcode(status))
    prepared = zygote.prepare(config, NOTHING, loaded, as_root=root)
    house = Guesthouse(
        GuestLimits(),
        7 if root else None,
        (),
        NOTHING,
        prepared.baseline,
        prepared.rules,
        prepared.filter,
    )
    seconds: list[float] = []
    for _ in range(rounds):
        begun = time.perf_counter()
        kernel.unshare(kernel.CLONE_NEWPID)
        guest = os.fork()
        if guest == 0:
            close_in(house)
            handlers(loaded)["python"]({"code": "x = 1", "vars": {}})
            os._exit(0)
        os.waitpid(guest, 0)
        seconds.append(time.perf_counter() - begun)
        kernel.setns(prepared.pid_namespace, kernel.CLONE_NEWPID)
    os.write(1, f"{statistics.median(seconds)}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
