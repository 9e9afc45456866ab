"""A process with a scheduler: the database, the time, and what to do (``tick``, or ``die`` after a submission)."""

import os
import sys

from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.scheduler.ticker import Ports, Ticker

from .recording import Recording


def main(place: str, now: str, what: str) -> None:
    """Say that it is ready, wait for a line, and look once."""
    database = Database(place, lambda: float(now))
    runs = Recording(database)
    if what == "die":
        runs.after = lambda _: os._exit(9)
    ticker = Ticker(
        database, Ports(runs, runs, runs), lambda what, error: sys.exit(f"{what}: {error}")
    )
    print("ready", flush=True)
    sys.stdin.readline()
    ticker.tick()
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
