"""The service as processes: started, watched, and started again when they have died, as an init system does."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread

import httpx

_PROGRAM = (sys.executable, "-c", "from blockyard_platform.cli import main; main()")
_AGAIN_SECONDS = 0.5


@dataclass
class Member:
    """One process of the service, by its arguments; ``process`` is the one that lives, or did last."""

    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    pids: list[int] = field(default_factory=list[int])
    logged: int = 0

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.logged = log.tell()
            self.process = subprocess.Popen(
                (*_PROGRAM, *self.arguments),
                stdout=log,
                stderr=log,
                env=os.environ | self.environment,
            )
        self.pids.append(self.process.pid)

    def send(self, number: int) -> bool:
        """Send a signal; False when the process is not there."""
        if self.process is None or self.process.poll() is not None:
            return False
        self.process.send_signal(number)
        return True

    def takes_runs(self) -> bool:
        """Say whether the process that lives has come so far, for a worker."""
        return b"takes up to" in self.log.read_bytes()[self.logged :]

    def zygotes(self) -> list[int]:
        """Return the processes that this one's guests are forked from."""
        pid = self.pids[-1]
        try:
            lists = [it.read_text() for it in Path(f"/proc/{pid}/task").glob("*/children")]
            found = [int(it) for each in lists for it in each.split()]
            return [it for it in found if b"zygote" in Path(f"/proc/{it}/cmdline").read_bytes()]
        except OSError:
            return []


@dataclass
class Fleet:
    """All processes over one database. ``url`` is where the API is."""

    members: list[Member]
    url: str
    token: str = ""
    _lock: Lock = field(default_factory=Lock)
    _ending: Event = field(default_factory=Event)
    _watch: Thread | None = None

    def workers(self) -> list[Member]:
        return [it for it in self.members if it.name != "server"]

    def server(self) -> Member:
        return self.members[0]

    def begin(self) -> None:
        self.server().start()
        self.token = _token(self.server())
        for member in self.workers():
            member.start()
        self._watch = Thread(target=self._keep, daemon=True)
        self._watch.start()
        self.wait_until_ready()

    def wait_until_ready(self, seconds: float = 180) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if httpx.get(f"{self.url}/health/live", timeout=5).is_success:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise AssertionError("the server does not answer")

    def wait_for_workers(self, seconds: float = 180) -> None:
        """Wait until all workers take runs: one that is told to end before has not begun to listen to that."""
        end = time.monotonic() + seconds
        while late := [it.name for it in self.workers() if not it.takes_runs()]:
            assert time.monotonic() < end, f"these do not take runs: {late}"
            time.sleep(0.1)

    def end(self, seconds: float = 180) -> None:
        """End all in order; whoever does not is killed, and that is an error."""
        self._ending.set()
        if self._watch is not None:
            self._watch.join()
        for member in self.members:
            member.send(signal.SIGCONT)
            member.send(signal.SIGTERM)
        late: list[str] = []
        for member in self.members:
            try:
                if member.process is not None:
                    member.process.wait(seconds)
            except subprocess.TimeoutExpired:
                member.send(signal.SIGKILL)
                late.append(member.name)
        assert not late, f"these did not end when they were told to: {late}"

    def _keep(self) -> None:
        while not self._ending.wait(_AGAIN_SECONDS):
            for member in self.members:
                if member.process is not None and member.process.poll() is not None:
                    member.start()


def _token(server: Member) -> str:
    """Return the first admin's token, which the first start prints."""
    end = time.monotonic() + 180
    while time.monotonic() < end:
        text = server.log.read_text() if server.log.exists() else ""
        if "shown this once: " in text:
            return text.partition("shown this once: ")[2].split()[0]
        time.sleep(0.05)
    raise AssertionError(f"no token was printed: {server.log.read_text()}")


def _port() -> int:
    """Return a port that is free, and that no connection is given by chance while the server is away: those are higher ones."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    least = max(first, 20_000)
    chosen = list(range(least - 10_000, least))
    random.shuffle(chosen)
    for port in chosen:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


@contextmanager
def fleet(
    folder: Path, data: Path, place: str, catalog: Path, clock: dict[str, str]
) -> Generator[Fleet]:
    """Yield the service over a database: one process on a file, a server and three workers on PostgreSQL.

    ``clock`` are variables for one of the processes, whose clock is to jump.
    """
    port = _port()
    common = ("--data", str(data), "--database", place, "--catalog", str(catalog))
    one = "://" not in place
    serve = (
        "serve",
        *common,
        "--port",
        str(port),
        *(("--slots", "6") if one else ("--no-worker",)),
    )
    names = [] if one else [f"worker-{number}" for number in range(3)]
    environment = {
        "BLOCKYARD_SERVICE_LEASE_SECONDS": "4",
        "BLOCKYARD_SERVICE_HEARTBEAT_SECONDS": "1",
        "BLOCKYARD_SERVICE_DRAIN_SECONDS": "5",
        "TMPDIR": str(folder / "temporary"),
        "SOAK_MARKS": str(folder / "marks"),
    }
    (folder / "temporary").mkdir()
    members = [Member("server", serve, environment | (clock if one else {}), folder / "server.log")]
    for index, name in enumerate(names):
        more = clock if index == 0 else {}
        members.append(
            Member(
                name,
                ("worker", *common, "--slots", "4"),
                environment | more,
                folder / f"{name}.log",
            )
        )
    found = Fleet(members, f"http://127.0.0.1:{port}")
    try:
        found.begin()
        yield found
    finally:
        found.end()
