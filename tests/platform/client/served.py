"""A service as a process of its own, which can be killed and started again at the same address."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from blockyard_platform.client import Client

COMMAND = str(Path(sys.executable).parent / "blockyard")
POLICY = """
tags: "*"
stages: [empty, call, python, foreach, parallel, try, wait, raise, trigger]
service: {rate_per_minute: 100000}
"""
HELLO = """
name: hello
params: {n: {type: integer, default: 2}}
stages:
  - id: a
    run: |
      print("hi " + str(n))
      result = n * 21
    vars: {n: "${{ params.n }}"}
outputs: {answer: "${{ stages.a.outputs.result }}"}
"""
FAILING = "name: failing\nstages:\n  - id: a\n    raise: it is wrong\n"
SLOW = "name: slow\nstages:\n  - {id: a, echo: begun}\n  - {id: b, sleep: 600}\n"


@dataclass
class Served:
    """A service: its folder, its database, and, when it has been started, its address and the first admin's token."""

    folder: Path
    database: str
    slots: int = 4
    settings: dict[str, str] = field(default_factory=dict[str, str])
    port: int = 0
    token: str = ""
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it says where it listens."""
        words = ["--data", str(self.folder), "--database", self.database, "--port", str(self.port)]
        environment = {key: it for key, it in os.environ.items() if "BLOCKYARD" not in key}
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [COMMAND, "serve", *words, "--slots", str(self.slots)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment | {"PYTHONUNBUFFERED": "1"} | self.settings,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "listens on" in line, (self.folder / "log").read_text()
        self.port = int(line.strip().rpartition(":")[2])
        if not self.token:
            self.token = self.process.stdout.readline().strip().rpartition(" ")[2]

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, or kill it."""
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(timeout=120)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def client(self, tenant: str | None = None, token: str | None = None) -> Client:
        return Client(self.url, token or self.token, tenant=tenant)


def furnished(served: Served, tenant: str) -> None:
    """Make a tenant with a policy and a stored workflow, on a day (UTC) that does not end at once: what is used is counted by the day."""
    left = 86_400 - time.time() % 86_400
    if left < 60:
        time.sleep(left + 1)
    with served.client(tenant) as client:
        client.create_tenant(tenant)
        client.put_policy(POLICY)
        client.put_workflow("hello", HELLO)
