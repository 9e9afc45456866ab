"""What attacks are run with: an arena (a loop, a zygote, guests), and targets that must stay untouched."""

import asyncio
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blockyard_sandbox.answers import Answer
from blockyard_sandbox.guests import Guest
from blockyard_sandbox.limits import GuestLimits
from blockyard_sandbox.sandbox import Sandbox
from blockyard_sandbox.spec import Bind, JailSpec

LIMITS = GuestLimits(
    cpu_seconds=1.0,
    wall_seconds=2.0,
    memory_bytes=96 << 20,
    processes=1,
    open_files=32,
    file_bytes=4 << 20,
    output_bytes=256 << 10,
    result_bytes=256 << 10,
    run_cpu_seconds=20,
    scratch_bytes=1 << 20,
)
PROGRAMS = tuple(
    Bind(path, path, execute=True)
    for path in ("/usr", "/lib", "/lib64", "/bin")
    if Path(path).is_dir()
)
"""Bound in, so that an attack that starts a program fails because it may not, not for want of one."""


def spec_of(
    without: frozenset[str] = frozenset(), config: dict[str, Any] | None = None
) -> JailSpec:
    """Return the jail of the attack suite: the product's, with full Python as one more operation."""
    return JailSpec(
        extensions={"full": ("full_python:make", config or {})},
        paths=(str(Path(__file__).parent),),
        binds=PROGRAMS,
        level="full",
        without=without,
    )


@dataclass
class Arena:
    """A loop and the sandboxes on it, one for each set of layers left out."""

    runner: asyncio.Runner
    sandboxes: dict[frozenset[str], Sandbox] = field(default_factory=dict[frozenset[str], Sandbox])
    logs: list[str] = field(default_factory=list[str])

    def sandbox(self, without: frozenset[str] = frozenset()) -> Sandbox:
        if without not in self.sandboxes:
            sandbox = Sandbox(spec_of(without))
            self.runner.run(sandbox.start())
            self.sandboxes[without] = sandbox
        return self.sandboxes[without]

    def guest(self, without: frozenset[str] = frozenset(), limits: GuestLimits = LIMITS) -> Guest:
        return self.runner.run(self.sandbox(without).guest(limits))

    def ask(self, guest: Guest, code: str, targets: dict[str, Any]) -> Answer:
        self.logs.clear()
        payload = {"code": code, "targets": targets}
        return self.runner.run(guest.call("full", payload, on_log=self.logs.append))

    def attack(
        self,
        code: str,
        targets: dict[str, Any],
        without: frozenset[str] = frozenset(),
        limits: GuestLimits = LIMITS,
    ) -> Answer:
        guest = self.guest(without, limits)
        try:
            return self.ask(guest, code, targets)
        finally:
            self.runner.run(guest.close())

    def close(self) -> None:
        for sandbox in self.sandboxes.values():
            self.runner.run(sandbox.close())
        self.sandboxes.clear()


@dataclass
class Listener:
    """A socket that must see nobody; ``visits`` counts who came all the same."""

    sock: socket.socket
    visits: int = 0

    def listen(self) -> None:
        self.sock.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                visitor, _ = self.sock.accept()
            except OSError:
                return
            self.visits += 1
            visitor.close()


@dataclass
class Targets:
    """What attacks aim at, and what they must leave as it is."""

    facts: dict[str, Any]
    listeners: list[Listener]
    folder: Path

    @property
    def visits(self) -> int:
        return sum(listener.visits for listener in self.listeners)
