"""Workers in processes of their own over one PostgreSQL, given runs by this process, which executes none."""

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from blockyard_platform.host_blocks import platform_catalog
from blockyard_platform.service.admitting import Admitting
from blockyard_platform.service.dispatch.tables import QUEUE
from blockyard_platform.service.registry import policies, tenants
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.runs.orders import Order
from blockyard_platform.service.runs.runs import Runs
from blockyard_platform.service.runs.settling import Settler
from blockyard_platform.service.runs.tables import EVENTS
from blockyard_platform.service.signals import Signals
from blockyard_platform.store.tables import HEAD, RECORDS, RUNS

from ..soak.documents import BLOCKS, POLICY
from .conftest import ADMIN, PATIENCE, SERVICE, until

ROOMS = ("schemas", "blocks", "sandbox", "platform")
NEXT = f"{int(HEAD) + 1:04}"
_HOLD = '''
"""A host block that lasts until it is let go."""

import asyncio
import os
from pathlib import Path

from blockyard_blocks import block
from blockyard_blocks.context import Context


@block(tags=set(), runs="host", name="crew.hold")
async def hold(context: Context) -> None:
    """Leave a mark, and wait for a file beside the marks."""
    marks = Path(os.environ["SOAK_MARKS"])
    with marks.open("a") as file:
        file.write(f"{context.run_id} {context.stage}\\n")
    while not marks.with_name("go").exists():
        await asyncio.sleep(0.02)
'''
_MIGRATION = f'''"""What the next version adds."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "{NEXT}", "{HEAD}"


def upgrade() -> None:
    op.add_column("runs", sa.Column("of_the_next", sa.Text))
'''


@dataclass
class Crew:
    """The processes, and what is asked of the database."""

    folder: Path
    url: str
    members: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    def __post_init__(self) -> None:
        (self.folder / "catalog").mkdir()
        (self.folder / "catalog" / "soak.py").write_text(BLOCKS)
        (self.folder / "catalog" / "crew.py").write_text(_HOLD)
        (self.folder / "data" / "tenants").mkdir(parents=True)
        self.database = Database(self.url)
        with self.database.writing() as work:
            tenants.create(work, ADMIN, "ant")
            policies.put(work, ADMIN, "ant", POLICY + f"stage: {{wall_seconds: {PATIENCE}}}\n")
        self.signals = Signals(self.database.engine)
        catalog = platform_catalog().with_folder(self.folder / "catalog")
        admitting = Admitting(self.database, catalog)
        settler = Settler(self.signals)
        self.runs = Runs(self.database, admitting, settler, self.signals, lambda: None)

    def begin(self, *, slots: int, drain: float, tree: Path | None = None) -> int:
        """Start a worker, of another tree of the program if one is given; return its number among the members."""
        number = len(self.members)
        given = ("--data", self.folder / "data", "--database", self.url, "--slots", slots)
        program = "from blockyard_platform.cli import main; main()"
        words = ("worker", *given, "--catalog", self.folder / "catalog")
        more = {
            "BLOCKYARD_SERVICE_DRAIN_SECONDS": str(drain),
            "SOAK_MARKS": str(self.folder / "marks"),
        }
        if tree is not None:
            more["PYTHONPATH"] = os.pathsep.join(str(tree / it) for it in ROOMS)
        with self.log(number).open("wb") as log:
            process = subprocess.Popen(
                (sys.executable, "-c", program, *map(str, words)),
                stdout=log,
                stderr=log,
                env=os.environ | more,
            )
        self.members.append(process)
        return number

    def log(self, number: int) -> Path:
        return self.folder / f"worker-{number}.log"

    def marks(self) -> str:
        """Return the lines that effects have left."""
        file = self.folder / "marks"
        return file.read_text() if file.exists() else ""

    def wait_for(self, number: int) -> None:
        """Wait until a worker takes runs."""
        until(lambda: "takes up to" in self.log(number).read_text())

    def let_go(self) -> None:
        """Let runs go on that hold."""
        (self.folder / "go").touch()

    def terminate(self, number: int, *, let_go: bool = False) -> int:
        """Tell a worker to end, then perhaps let its runs go on, and return what it says at its end."""
        self.members[number].send_signal(signal.SIGTERM)
        if let_go:
            self.let_go()
        return self.members[number].wait(PATIENCE)

    def submit(self, document: str) -> str:
        return self.runs.submit(SERVICE, Order("ant", document=document, params={"n": 1})).run_id

    def entry(self, run_id: str) -> Any:
        with self.database.reading() as work:
            return work.connection.execute(sa.select(QUEUE).where(QUEUE.c.run == run_id)).one()

    def holder(self, run_id: str) -> int | None:
        """Return which member has a run at work."""
        worker = self.entry(run_id).worker
        pids = [f"-{it.pid}-" for it in self.members]
        return next((it for it, pid in enumerate(pids) if worker and pid in worker), None)

    def statuses(self, run_ids: list[str]) -> Counter[str]:
        """Wait for the ends of runs, and return what they are; each has ended once."""
        mine = RUNS.c.id.in_(run_ids)
        statement = sa.select(sa.func.count()).where(mine, RUNS.c.settled == 1)
        until(lambda: self._scalar(statement) == len(run_ids), 2 * PATIENCE)
        told = sa.select(sa.func.count()).select_from(EVENTS)
        told = told.where(EVENTS.c.run.in_(run_ids), EVENTS.c.kind == "run-finished")
        assert self._scalar(told) == len(run_ids)
        with self.database.reading() as work:
            return Counter(work.connection.scalars(sa.select(RUNS.c.status).where(mine)))

    def effects(self) -> tuple[Counter[str], dict[str, int]]:
        """Return how often each effect was done, and how many attempts its record tells of."""
        done = Counter(" ".join(it.split()[:2]) for it in self.marks().splitlines())
        with self.database.reading() as work:
            rows = work.connection.execute(sa.select(RECORDS).where(RECORDS.c.kind == "call"))
            return done, {f"{it.run} {it.path}": it.attempts for it in rows}

    def _scalar(self, statement: Any) -> Any:
        with self.database.reading() as work:
            return work.connection.scalar(statement)

    def close(self) -> None:
        for it in self.members:
            it.kill()
            it.wait()
        self.signals.close()
        self.database.close()


def next_version(folder: Path) -> Path:
    """Return a tree of the program as the next version may be: it knows one migration more."""
    root = Path(__file__).parents[4]
    for room in ROOMS:
        shutil.copytree(root / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    store = folder / "platform" / "blockyard_platform" / "store"
    tables = store / "tables.py"
    text = tables.read_text()
    tables.write_text(text.replace(f'HEAD = "{HEAD}"', f'HEAD = "{NEXT}"'))
    assert tables.read_text() != text
    (store / "migrations" / "versions" / f"{NEXT}_next.py").write_text(_MIGRATION)
    return folder
