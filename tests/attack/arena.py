"""What attacks are run with: an arena (a loop, a zygote, guests), and targets that must stay untouched."""

import asyncio
import contextlib
import gc
import os
import socket
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from blockyard_sandbox.answers import Answer
from blockyard_sandbox.guests import Guest
from blockyard_sandbox.limits import GuestLimits
from blockyard_sandbox.sandbox import Sandbox
from blockyard_sandbox.spec import UID_BASE, Bind, JailSpec
from blockyard_sandbox.zygote import Zygote

LIMITS = GuestLimits(
    cpu_seconds=20,
    wall_seconds=120,
    memory_bytes=96 << 20,
    processes=1,
    open_files=32,
    file_bytes=4 << 20,
    output_bytes=256 << 10,
    result_bytes=256 << 10,
    run_cpu_seconds=20,
    scratch_bytes=1 << 20,
)
"""Those of what ends of itself: time enough on a machine that is slow, or that stands still for a while."""

HURRIED = replace(LIMITS, cpu_seconds=0.5, wall_seconds=1.0)
"""Those of what a clock is to end, or may."""

PROGRAMS = tuple(
    Bind(path, path, execute=True)
    for path in ("/usr", "/lib", "/lib64", "/bin")
    if Path(path).is_dir()
)
"""Bound in, so that an attack that starts a program fails because it may not, not for want of one."""


def groups_of(owner: str) -> list[Path]:
    """Return the control groups that a process has made; groups of others come and go meanwhile."""
    return sorted(
        Path(folder, name)
        for folder, names, _ in os.walk("/sys/fs/cgroup")
        for name in names
        if name.startswith(f"blockyard-{owner}-")
    )


def shared_by_guests() -> frozenset[str]:
    """Return the names of shared memory of the host that a guest may have made, by their owner: others on the machine have theirs.

    An ordinary user's guests are that user; then those are left out that pools, engines, databases and clocks of tests make.
    """
    others = ("sem.mp-", "libpod", "PostgreSQL.", "faketime_", "sem.faketime_")
    found: set[str] = set()
    for entry in os.scandir("/dev/shm"):  # noqa: S108
        with contextlib.suppress(FileNotFoundError):
            owner = entry.stat(follow_symlinks=False).st_uid
            mine = os.getuid() != 0 and owner == os.getuid() and not entry.name.startswith(others)
            if mine or owner >= UID_BASE:
                found.add(entry.name)
    return frozenset(found)


def wait_for_spares(zygotes: Iterable[Zygote]) -> None:
    """Wait until the next guest of each zygote is in its group, where it goes while others work; fails after a minute."""
    until = time.monotonic() + 60
    for zygote in zygotes:
        group = zygote._spare  # pyright: ignore[reportPrivateUsage]
        folders = group.folders if group is not None and zygote.alive else ()
        while not all((folder / "cgroup.procs").read_text() for folder in folders):
            assert time.monotonic() < until, folders
            time.sleep(0.01)


def zygotes_here() -> list[Zygote]:
    """Return all zygotes that this process has."""
    return [each for each in gc.get_objects() if type(each) is Zygote]


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


def limits_of(without: frozenset[str]) -> GuestLimits:
    """Return the suite's limits: a scratch folder needs the layer of mounts."""
    return replace(LIMITS, scratch_bytes=0) if "mount" in without else LIMITS


def limits_for(oracle: str) -> GuestLimits:
    """Return the limits under which a case ends as its oracle says: a clock is short where it is to end the case, or may."""
    ends = set(oracle.split("/"))
    if ends & {"channel", "own"}:
        return HURRIED
    cpu = HURRIED if "CPU_LIMIT" in ends else LIMITS
    wall = HURRIED if "TIMEOUT" in ends else LIMITS
    return replace(LIMITS, cpu_seconds=cpu.cpu_seconds, wall_seconds=wall.wall_seconds)


@dataclass
class Arena:
    """A loop and the sandboxes on it, one for each set of layers left out; each has a guest that others may look for."""

    runner: asyncio.Runner
    sandboxes: dict[frozenset[str], Sandbox] = field(default_factory=dict[frozenset[str], Sandbox])
    siblings: dict[frozenset[str], Guest] = field(default_factory=dict[frozenset[str], Guest])
    logs: list[str] = field(default_factory=list[str])

    def sandbox(self, without: frozenset[str] = frozenset()) -> Sandbox:
        if without not in self.sandboxes:
            sandbox = Sandbox(spec_of(without))
            self.runner.run(sandbox.start())
            self.sandboxes[without] = sandbox
        return self.sandboxes[without]

    def sibling(self, without: frozenset[str] = frozenset()) -> Guest:
        """Return a guest beside those that attack: another tenant's."""
        if without not in self.siblings:
            self.siblings[without] = self.guest(without)
        return self.siblings[without]

    def guest(
        self, without: frozenset[str] = frozenset(), limits: GuestLimits | None = None
    ) -> Guest:
        return self.runner.run(self.sandbox(without).guest(limits or limits_of(without)))

    @contextlib.contextmanager
    def guests(
        self, number: int, without: frozenset[str] = frozenset()
    ) -> Generator[list[Guest], None, None]:
        """Give so many guests side by side."""
        guests = [self.guest(without) for _ in range(number)]
        try:
            yield guests
        finally:
            for guest in guests:
                self.runner.run(guest.close())

    def ask(self, guest: Guest, code: str, targets: dict[str, Any]) -> Answer:
        self.logs.clear()
        payload = {"code": code, "targets": targets}
        return self.runner.run(guest.call("full", payload, on_log=self.logs.append))

    def attack(
        self,
        code: str,
        targets: dict[str, Any],
        without: frozenset[str] = frozenset(),
        limits: GuestLimits | None = None,
    ) -> Answer:
        guest = self.guest(without, limits)
        try:
            return self.ask(guest, code, targets)
        finally:
            self.runner.run(guest.close())

    def zygotes(self) -> list[Zygote]:
        """Return those of the sandboxes."""
        found = (sandbox._zygote for sandbox in self.sandboxes.values())  # pyright: ignore[reportPrivateUsage]
        return [zygote for zygote in found if zygote is not None]

    def close(self) -> None:
        for guest in self.siblings.values():
            self.runner.run(guest.close())
        for sandbox in self.sandboxes.values():
            self.runner.run(sandbox.close())
        self.siblings.clear()
        self.sandboxes.clear()


@dataclass
class Listener:
    """A socket that must hear nobody; ``visits`` counts who came all the same.

    The kernel keeps who came until they are counted, so that none is counted late.
    """

    sock: socket.socket
    _counted: int = 0

    def listen(self) -> None:
        self.sock.setblocking(False)
        if self.sock.type == socket.SOCK_STREAM:
            self.sock.listen()

    @property
    def visits(self) -> int:
        while self._takes_one():
            self._counted += 1
        return self._counted

    def forget(self) -> None:
        """Begin to count anew."""
        while self._takes_one():
            pass
        self._counted = 0

    def _takes_one(self) -> bool:
        try:
            if self.sock.type == socket.SOCK_STREAM:
                self.sock.accept()[0].close()
            else:
                self.sock.recv(100)
        except BlockingIOError:
            return False
        except ConnectionError:
            return True  # it has gone again, and came all the same
        return True


@dataclass
class Targets:
    """What attacks aim at, and what they must leave as it is."""

    facts: dict[str, Any]
    listeners: list[Listener]
    folder: Path

    @property
    def visits(self) -> int:
        return sum(listener.visits for listener in self.listeners)

    def traces(self) -> list[str]:
        """Return what lies below the folder beside what was there from the start."""
        found = {str(path.relative_to(self.folder)) for path in self.folder.rglob("*")}
        return sorted(found - {"secret.txt", "private.txt", "door", "letters", "open"})

    def sweep(self) -> None:
        """Remove what an attack that was let through has left, and forget its visits."""
        for name in self.traces():
            path = self.folder / name
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        for listener in self.listeners:
            listener.forget()


def targets_in(folder: Path, arena: Arena) -> Targets:
    """Make the targets of the host: files, sockets that listen, and processes."""
    folder.chmod(0o755)
    for name, mode in (("secret.txt", 0o644), ("private.txt", 0o600)):
        (folder / name).write_text("CANARY-in-a-file")
        (folder / name).chmod(mode)
    (folder / "open").mkdir()
    (folder / "open").chmod(0o777)
    abstract = f"blockyard-attack-{os.getpid()}"
    listeners = {
        "tcp": _listener(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
        "udp": _listener(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
        "unix": _listener(socket.AF_UNIX, socket.SOCK_STREAM, str(folder / "door")),
        "letters": _listener(socket.AF_UNIX, socket.SOCK_DGRAM, str(folder / "letters")),
        "abstract": _listener(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + abstract),
    }
    port6 = 9
    with contextlib.suppress(OSError):  # a machine without IPv6
        listeners["tcp6"] = _listener(socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0))
        port6 = listeners["tcp6"].sock.getsockname()[1]
    for name in ("door", "letters"):
        (folder / name).chmod(0o777)
    facts = {
        "secret": str(folder / "secret.txt"),
        "private": str(folder / "private.txt"),
        "secret_dir": str(folder),
        "open_dir": str(folder / "open"),
        "port": listeners["tcp"].sock.getsockname()[1],
        "port6": port6,
        "udp_port": listeners["udp"].sock.getsockname()[1],
        "unix_path": str(folder / "door"),
        "unix_datagrams": str(folder / "letters"),
        "abstract": abstract,
        "hostname": socket.gethostname(),
        "server_pid": os.getpid(),
        "zygote_pid": arena.sandbox().pid,
        "sibling_pid": arena.sibling().pid,
        "call": 1,
    }
    return Targets(facts, list(listeners.values()), folder)


def _listener(family: int, kind: int, address: Any) -> Listener:
    sock = socket.socket(family, kind)
    sock.bind(address)
    listener = Listener(sock)
    listener.listen()
    return listener
