"""The service as processes of its own, for a benchmark: started, given a tenant, asked over HTTP, watched, and ended."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

TENANT = "bench"
POLICY = (
    "tags: '*'\nstages: [empty, python]\nsteps: 1000\nexecuted_steps: 100000\n"
    "service: {rate_per_minute: 1000000, concurrency: 1000, queue: 1000000}\n"
)
_PROGRAM = (sys.executable, "-c", "from blockyard_platform.cli import main; main()")
_START_SECONDS = 60
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Service:
    """A server, with or without workers beside it."""

    folder: Path
    place: str
    port: int
    processes: dict[str, "subprocess.Popen[bytes]"] = field(
        default_factory=dict[str, "subprocess.Popen[bytes]"]
    )

    def start(self, name: str, *arguments: str) -> None:
        """Start a process of the program, and wait until it has said that it is ready."""
        log = self.folder / f"{name}.log"
        common = ("--data", str(self.folder / "data"), "--database", self.place)
        with log.open("wb") as file:
            self.processes[name] = subprocess.Popen(  # noqa: S603
                (*_PROGRAM, *arguments, *common), stdout=file, stderr=file
            )
        until = time.monotonic() + _START_SECONDS
        while not re.search("listens on|takes up to", log.read_text()):
            if self.processes[name].poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{name} has not started: {log.read_text()}")
            time.sleep(0.05)

    def token(self) -> str:
        """Return the first admin's token."""
        return (self.folder / "server.log").read_text().split("shown this once: ")[1].split()[0]

    @contextmanager
    def client(self) -> Generator[httpx.Client]:
        """Yield a client."""
        headers = {"Authorization": f"Bearer {self.token()}"}
        base = f"http://127.0.0.1:{self.port}/api/v1"
        with httpx.Client(base_url=base, headers=headers, timeout=120) as client:
            yield client

    def cpu(self, name: str = "server") -> float:
        """Return the CPU seconds that a process has used, without its children's."""
        words = self._proc(name, "stat").rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / _TICK

    def memory(self, name: str = "server") -> float:
        """Return the MiB that a process holds."""
        found = re.search(r"VmRSS:\s+(\d+)", self._proc(name, "status"))
        return int(found[1]) / 1024 if found else 0.0

    def _proc(self, name: str, file: str) -> str:
        return Path(f"/proc/{self.processes[name].pid}/{file}").read_text()

    def stop_all(self) -> None:
        """Stop every process that was started."""
        for name in list(self.processes):
            self.stop(name)

    def stop(self, name: str) -> None:
        """End a process, and wait for its end."""
        process = self.processes.pop(name)
        process.terminate()
        process.wait(_START_SECONDS)


@contextmanager
def service(folder: Path, place: str, *, workers: int = 0, slots: int = 4) -> Generator[Service]:
    """Yield the service over a database with one tenant: the server is the worker when no others are wanted."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder.mkdir()
    found = Service(folder, place, port)
    with ExitStack() as stack:
        stack.callback(found.stop_all)
        alone = ("--no-worker",) if workers else ("--slots", str(slots))
        found.start("server", "serve", "--port", str(port), *alone)
        for number in range(workers):
            found.start(f"worker-{number}", "worker", "--slots", str(slots))
        with found.client() as client:
            _admit_tenant(client)
        yield found


def _admit_tenant(client: httpx.Client) -> None:
    client.post("/tenants", json={"name": TENANT}).raise_for_status()
    headers = {"Content-Type": "application/yaml"}
    path = f"/tenants/{TENANT}"
    client.post(f"{path}/policies", content=POLICY, headers=headers).raise_for_status()
    quota = {"runs": 10**9, "cpu_seconds": 1e9, "stored_bytes": 10**15}
    client.put(f"{path}/quota", json=quota).raise_for_status()


def finish(client: httpx.Client, document: str) -> dict[str, Any]:
    """Submit a run, and return it once it has ended. Raises RuntimeError when that is no success."""
    answer = client.post(f"/tenants/{TENANT}/runs?wait=60", json={"document": document})
    found: dict[str, Any] = answer.raise_for_status().json()
    if (found["state"], found["status"]) != ("ended", "SUCCESS"):
        raise RuntimeError(f"a run ended otherwise: {found}")
    return found
