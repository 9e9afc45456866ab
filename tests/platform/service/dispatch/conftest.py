"""Places in both databases, a dispatcher in this process, and workers in processes of their own."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Lock
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from blockyard_platform.service.dispatch.dispatcher import DbosDispatcher
from blockyard_platform.service.dispatch.port import Callbacks, Settings, Share, State

from ...store.postgres import REQUIRED, folder_for_all, programs, server

HERE = Path(__file__).parent
PATIENCE = 120.0
NEVER_DEAD = 600.0
"""A lease that does not run out while a test lasts, however long its process stands still: only one that has died is taken for dead."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Yield the URL of a PostgreSQL server."""
    if programs() is None:
        if REQUIRED:
            pytest.fail("PostgreSQL's server is required here: install the package postgresql")
        pytest.skip("PostgreSQL's server is not installed")
    with folder_for_all() as folder, server(folder) as url:
        yield url


def fill(place: str) -> None:
    """Make all tables in a place, so that each test copies them."""
    dispatcher = DbosDispatcher(Settings(place), Work().callbacks())
    dispatcher.start()
    dispatcher.stop()


@contextmanager
def administered(url: str) -> Generator[sa.Connection]:
    engine = sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with SQLite files in which the tables are made."""
    folder = tmp_path_factory.mktemp("filled")
    fill(str(folder / "runs.db"))
    return folder


@pytest.fixture(scope="session")
def filled_postgres(postgres: str) -> str:
    """Return the name of a database in which the tables are made."""
    with administered(postgres) as connection:
        connection.execute(sa.text("CREATE DATABASE filled"))
    fill(postgres.replace("/postgres?", "/filled?"))
    return "filled"


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield where empty tables are: a file, and a database's URL."""
    if request.param == "sqlite":
        shutil.copytree(request.getfixturevalue("filled"), tmp_path, dirs_exist_ok=True)
        yield str(tmp_path / "runs.db")
        return
    template: str = request.getfixturevalue("filled_postgres")
    url: str = request.getfixturevalue("postgres")
    name = f"dispatch_{uuid4().hex}"
    with administered(url) as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        yield url.replace("/postgres?", f"/{name}?")
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


class Work:
    """What is executed: notes each call; a run whose id begins with ``held`` waits until it is let go, or cancelled, or lost."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.cancelled: list[str] = []
        self.lost: list[str] = []
        self.failed: list[str] = []
        self.shares: dict[str, Share] = {}
        self._gates: dict[str, Event] = {}
        self._lock = Lock()

    def callbacks(self) -> Callbacks:
        return Callbacks(self.execute, self.on_cancel, self.on_lost, self.failed.append, self.share)

    def share(self, tenant: str) -> Share:
        return self.shares.get(tenant, Share())

    def execute(self, run_id: str) -> None:
        self.begun.append(run_id)
        if run_id.startswith("bad"):
            raise RuntimeError(run_id)
        if run_id.startswith("held"):
            assert self.gate(run_id).wait(PATIENCE)
        self.ended.append(run_id)

    def on_cancel(self, run_id: str) -> None:
        self.cancelled.append(run_id)
        self.gate(run_id).set()

    def on_lost(self, run_ids: Sequence[str]) -> None:
        self.lost += run_ids
        for run_id in run_ids:
            self.gate(run_id).set()

    def gate(self, run_id: str) -> Event:
        with self._lock:
            return self._gates.setdefault(run_id, Event())


async def until(true: Callable[[], Any]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it has not come true"
        await asyncio.sleep(0.005)


class Here:
    """A dispatcher in this process, with its work."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.work = Work()
        self.dispatcher = DbosDispatcher(Settings(place), self.work.callbacks())

    async def begin(self, **settings: Any) -> DbosDispatcher:
        """Start a dispatcher in the place, with work of its own; one that runs is to be stopped before."""
        self.work = Work()
        chosen = Settings(self.place, heartbeat_seconds=0.1, retry_seconds=0.02)
        self.dispatcher = DbosDispatcher(replace(chosen, **settings), self.work.callbacks())
        await asyncio.to_thread(self.dispatcher.start)
        return self.dispatcher

    async def reach(self, run_id: str, state: State) -> None:
        """Wait until a run has a state."""
        end = time.monotonic() + PATIENCE
        while True:
            entry = self.dispatcher.status(run_id)
            if entry is not None and entry.state is state:
                return
            assert time.monotonic() < end, f"{run_id} is not {state}: {entry}"
            await asyncio.sleep(0.01)


@pytest.fixture
async def here(place: str) -> AsyncIterator[Here]:
    """Yield a dispatcher that has not begun; what has is stopped."""
    found = Here(place)
    yield found
    found.dispatcher.stop(drain=False)


def locked(file: Path) -> bool:
    """Tell whether somebody holds SQLite's lock of a file for longer than a moment."""
    with closing(sqlite3.connect(file, timeout=0.2, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        return False


class Workers:
    """Workers in processes of their own, which write what they do into one file."""

    def __init__(self, place: str, folder: Path) -> None:
        self.place = place
        self.folder = folder
        self.trace = folder / "trace.txt"
        self.trace.touch()
        self._processes: list[subprocess.Popen[bytes]] = []

    def begin(self, name: str, lease: float = NEVER_DEAD) -> subprocess.Popen[bytes]:
        """Start one, and wait until it takes part."""
        program = str(HERE / "worker_program.py")
        process = subprocess.Popen(
            [sys.executable, program, self.place, str(self.folder), name, str(lease)]
        )
        self._processes.append(process)
        self.wait(f"ready {name}")
        return process

    def lines(self) -> list[str]:
        """Return what was written so far."""
        return self.trace.read_text().splitlines()

    def wait(self, *lines: str) -> None:
        """Wait for lines."""
        end = time.monotonic() + PATIENCE
        while missing := set(lines) - set(self.lines()):
            assert time.monotonic() < end, f"missing: {missing}; there is: {self.lines()}"
            time.sleep(0.01)

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Stop a process, but not while it writes to SQLite: it would hold the lock of a file."""
        end = time.monotonic() + PATIENCE
        while True:
            os.kill(process.pid, signal.SIGSTOP)
            self._until_stopped(process.pid)
            if not any(locked(file) for file in self._files()):
                return
            os.kill(process.pid, signal.SIGCONT)
            assert time.monotonic() < end, f"process {process.pid} writes all the time"
            time.sleep(0.05)

    def _files(self) -> list[Path]:
        """Return SQLite's files that a worker writes to: ours, and that of the durable engine."""
        if "://" in self.place:
            return []
        return [Path(self.place), Path(f"{self.place}-dbos")]

    def _until_stopped(self, pid: int) -> None:
        """Wait until all threads stand still: those on another processor go on for a moment after the signal."""
        end = time.monotonic() + PATIENCE
        while True:
            if all(it == "T" for it in self._states(pid)):
                return
            assert time.monotonic() < end, f"process {pid} has not stopped"
            time.sleep(0.001)

    def _states(self, pid: int) -> Iterator[str]:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            try:
                stat = (thread / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # It has ended since the folder was read.
            yield stat.rpartition(")")[2].split()[0]

    def let_go(self) -> None:
        """Let held runs come to their end."""
        (self.folder / "go").touch()

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGCONT)
                process.kill()
            process.wait()


@pytest.fixture
def workers(place: str, tmp_path: Path) -> Iterator[Workers]:
    """Yield workers in that place; they are ended."""
    found = Workers(place, tmp_path)
    yield found
    found.close()
