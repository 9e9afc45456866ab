"""The soak: submissions without pause and faults every few seconds, on a real database; at the end all is counted.

``python -m tests.platform.service.soak.soak --seconds 600`` runs it on both databases, and prints what was done and found.
"""

import argparse
import ctypes
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from ...store.postgres import restart, server
from .clocks import clock_of
from .disks import give_back, small_disk
from .documents import BLOCKS
from .faults import Faults
from .leftovers import descendants, left_over, mounted
from .load import Load
from .processes import fleet
from .takeover import Takeovers
from .verdict import ends_of, faults_of, wait_for_all

_SUBREAPER = 36
_SETTLE_SECONDS = 120
LEAST = 10
"""How many runs are accepted at least."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was done, and everything that does not hold."""

    database: str
    seconds: float
    load: Load
    ends: dict[str, int]
    faults: dict[str, int]
    starts: dict[str, int]
    takeovers: str
    wrong: list[str]

    @property
    def accepted(self) -> int:
        """How many runs were accepted."""
        return len(self.load.accepted)

    def words(self) -> str:
        """Return it for people."""
        kinds = Counter(it.kind.name for it in self.load.accepted)
        count = sum(self.faults.values())
        lines = [
            f"soak on {self.database}: {self.accepted} runs accepted in {self.seconds:.0f} s, {count} faults",
            f"  runs: {_counts(kinds)}",
            f"  ends: {_counts(self.ends)}",
            f"  faults: {_counts(self.faults)}",
            f"  processes started: {_counts(self.starts)}; requests sent again: {self.load.errors}",
            f"  taken over from a worker that died or was stopped: {self.takeovers}",
            f"  wrong: {len(self.wrong)}",
            *(f"    {it[:300]}" for it in self.wrong[:20]),
        ]
        return "\n".join(lines)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def soak(
    database: str,
    folder: Path,
    seconds: float,
    every: float,
    seed: int,
    only: Collection[str] = (),
) -> Report:
    """Run the soak on one database, with ``only`` these kinds of faults if any are named, and return what came of it."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_SUBREAPER, 1, 0, 0, 0)
    with ExitStack() as stack:
        stack.callback(prctl, _SUBREAPER, 0, 0, 0, 0)
        disk = _disk(stack, folder, database)
        home = folder if disk is None else disk
        place, restarting = _place(stack, home, folder, database)
        catalog = folder / "catalog"
        catalog.mkdir()
        (catalog / "soak.py").write_text(BLOCKS)
        (home / "data" / "tenants").mkdir(parents=True)
        clock, variables = clock_of(folder)
        engine = sa.create_engine(_url(place), pool_pre_ping=True)
        stack.callback(engine.dispose)
        before, mounts = descendants(), mounted()
        with fleet(folder, home / "data", place, catalog, variables) as found:
            load = Load(found, engine, clients=6)
            load.prepare()
            takeovers = Takeovers(engine)
            chance = random.Random(seed)  # noqa: S311  (nothing secret)
            faults = Faults(found, engine, takeovers, every, chance, disk, clock, restarting, only)
            begun = time.monotonic()
            faults.start()
            load.start()
            _last(load, faults, begun + seconds)
            faults.end()
            load.end()
            taken = time.monotonic() - begun
            found.wait_until_ready(300)
            found.wait_for_workers(300)
            wrong = takeovers.end() if found.workers() else []
            left = wait_for_all(engine, load.accepted, _SETTLE_SECONDS)
            wrong += [f"{it} has not ended" for it in left]
            wrong += faults_of(engine, load.accepted, folder / "marks")
            takeovers.end()
        wrong += left_over(before, mounts, found, folder / "temporary")
        ends = ends_of(engine)
    counts = dict(faults.counts) | ({} if clock else {"clock (not tried: no libfaketime)": 0})
    starts = {it.name: len(it.pids) for it in found.members}
    return Report(database, taken, load, ends, counts, starts, takeovers.words(), wrong)


def _last(load: Load, faults: Faults, end: float) -> None:
    """Wait until a moment of the steady clock, and on a slow machine for the least that a soak is about: runs, and a fault."""
    patience = end + _SETTLE_SECONDS
    while (now := time.monotonic()) < patience:
        enough = len(load.accepted) >= LEAST and faults.counts
        if now >= end and (enough or load.broken or faults.broken):
            return
        time.sleep(0.1)


def _place(
    stack: ExitStack, home: Path, folder: Path, database: str
) -> tuple[str, Callable[[], None] | None]:
    """Return where the database is, and how its server is killed and started again, if it has one."""
    if database == "sqlite":
        return str(home / "runs.db"), None
    data = folder / "postgres"
    data.mkdir()
    for parent in (data, *data.parents[:3]):
        parent.chmod(parent.stat().st_mode | 0o055)
    return stack.enter_context(server(data)), partial(restart, data)


def _disk(stack: ExitStack, folder: Path, database: str) -> Path | None:
    """Return a small disk for a database that is a file; None where there is no right to mount one."""
    disk = folder / "disk"
    if database != "sqlite" or not small_disk(disk, 300):
        return None
    stack.callback(give_back, disk)
    return disk


def _url(place: str) -> sa.URL:
    if "://" in place:
        return sa.make_url(place).set(drivername="postgresql+psycopg")
    return sa.URL.create("sqlite", database=place)


def main() -> int:
    """Run it as the command line says; 1 when something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--every", type=float, default=4, help="seconds between faults")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    words = "a kind of fault, such as 'clock jumped'; may be given again; default: all"
    parser.add_argument("--only", action="append", default=[], help=words)
    given = parser.parse_args()
    names = ["sqlite", "postgresql"] if given.database == "both" else [given.database]
    wrong = False
    print(f"seed {given.seed}")
    for name in names:
        folder = Path(tempfile.mkdtemp(prefix="soak"))
        report = soak(name, folder, given.seconds, given.every, given.seed, given.only)
        print(report.words(), flush=True)
        if report.wrong:
            print(f"  the logs of its processes are in {folder}")
        else:
            shutil.rmtree(folder)
        wrong = wrong or bool(report.wrong)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
