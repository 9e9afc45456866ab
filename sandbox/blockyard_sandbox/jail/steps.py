"""What a guest goes through between its fork and the first byte of a tenant's text: a flat list, in order.

Each step closes one layer, for good. A step that fails ends the process, and the platform is told which one: a
failure of the house, on a channel that the guest no longer has when tenant text runs.
"""

import ctypes
import os
import resource
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil

from blockyard_sandbox.jail import kernel, landlock, room, seccomp
from blockyard_sandbox.limits import GuestLimits
from blockyard_sandbox.spec import LISTENING, PROXY_PORT

REPORT = 4
"""The descriptor of the channel on which a guest reports, until it is closed in."""

FIRST_FREE = REPORT + 1
"""Descriptors below are the null device (0 to 2), the guest's socket (3) and, until it is closed, the channel to report on (4)."""


@dataclass(frozen=True, slots=True)
class Guesthouse:
    """What the steps need: prepared once by the zygote, but for the first three fields and the last two.

    ``stores`` tells of each store's target whether it may be written to, ``shown`` which folder of it this guest sees.
    """

    limits: GuestLimits
    uid: int | None
    cgroups: tuple[int, ...]
    without: frozenset[str]
    baseline: int
    rules: int | None
    filter: bytes
    executable: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    stores: Mapping[str, bool] = field(default_factory=dict[str, bool])
    shown: Mapping[str, str] = field(default_factory=dict[str, str])
    network: bool = False


Step = Callable[[Guesthouse], None]


def _ipc(house: Guesthouse) -> None:
    kernel.unshare(kernel.CLONE_NEWIPC)


def _cgroup(house: Guesthouse) -> None:
    for entry in house.cgroups:
        os.write(entry, b"0")


def _scratch(house: Guesthouse) -> None:
    if house.limits.scratch_bytes:
        room.scratch(house.limits.scratch_bytes, house.stores, house.shown)


def _network(house: Guesthouse) -> None:
    """Leave the zygote's network for one of its own, and hand the platform a socket that listens in it."""
    if not house.network:
        return
    kernel.unshare(kernel.CLONE_NEWNET)
    kernel.raise_loopback()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.bind(("127.0.0.1", PROXY_PORT))
        listening.listen(64)
        with socket.socket(fileno=os.dup(REPORT)) as report:
            socket.send_fds(report, [LISTENING], [listening.fileno()])


def _rlimits(house: Guesthouse) -> None:
    limits = house.limits
    cpu = ceil(limits.run_cpu_seconds) + 1
    for kind, soft, hard in (
        (resource.RLIMIT_AS, house.baseline + limits.memory_bytes, None),
        (resource.RLIMIT_CPU, cpu, cpu + 1),
        (resource.RLIMIT_FSIZE, limits.file_bytes, None),
        (resource.RLIMIT_NPROC, limits.processes, None),
        (resource.RLIMIT_CORE, _core(), None),
        (resource.RLIMIT_MEMLOCK, 0, None),
        (resource.RLIMIT_MSGQUEUE, 0, None),
        (resource.RLIMIT_RTPRIO, 0, None),
        (resource.RLIMIT_NICE, 0, None),
        (resource.RLIMIT_SIGPENDING, 64, None),
        (resource.RLIMIT_STACK, 8 << 20, None),
    ):
        resource.setrlimit(kind, (soft, soft if hard is None else hard))


def _core() -> int:
    """Return the limit of core dumps: unlike 0, 1 also keeps them from a helper of the host, which is told of each crash otherwise; see core(5)."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    return 0 if most == 0 else 1


def _capabilities(house: Guesthouse) -> None:
    """Empty the bounding set first: it takes a capability that changing the user gives away."""
    for number in range(64):
        if kernel.libc().prctl(kernel.PR_CAPBSET_DROP, ctypes.c_ulong(number), 0, 0, 0) != 0:
            break


def _uid(house: Guesthouse) -> None:
    if house.uid is not None:
        os.setgroups([])
        os.setresgid(house.uid, house.uid, house.uid)
        os.setresuid(house.uid, house.uid, house.uid)


def _capabilities_gone(house: Guesthouse) -> None:
    kernel.prctl(kernel.PR_CAP_AMBIENT, kernel.PR_CAP_AMBIENT_CLEAR_ALL)
    kernel.clear_capabilities()


def _no_new_privileges(house: Guesthouse) -> None:
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)


def _landlock(house: Guesthouse) -> None:
    if house.limits.scratch_bytes:
        writable = [store for store in house.shown if house.stores[store]]
        readable = [store for store in house.shown if not house.stores[store]]
        rules = landlock.ruleset(
            [room.ZONES],
            [room.SCRATCH, *writable],
            [*house.executable, *readable],
            house.devices,
            [PROXY_PORT] if house.network else [],
        )
        landlock.restrict(rules)
    elif house.rules is not None:
        landlock.restrict(house.rules)


def _descriptors(house: Guesthouse) -> None:
    kernel.close_from(FIRST_FREE)


def _open_files(house: Guesthouse) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (house.limits.open_files, house.limits.open_files))


def _seccomp(house: Guesthouse) -> None:
    seccomp.load(house.filter)


EARLY: tuple[tuple[str, Step], ...] = (("ipc", _ipc), ("cgroup", _cgroup))
"""What hangs on nothing that a guest is asked for, and takes long: the kernel lets a process into a group when all processors have passed by."""

STEPS: tuple[tuple[str, Step], ...] = (
    ("mount", _scratch),
    ("network", _network),
    ("rlimits", _rlimits),
    ("capabilities", _capabilities),
    ("uid", _uid),
    ("capabilities", _capabilities_gone),
    ("no-new-privileges", _no_new_privileges),
    ("landlock", _landlock),
    ("descriptors", _descriptors),
    ("rlimits", _open_files),
    ("seccomp", _seccomp),
)


class StepError(Exception):
    """A step failed: the name of its layer, and why."""

    def __init__(self, layer: str, reason: str) -> None:
        """Keep both."""
        super().__init__(layer, reason)
        self.layer = layer
        self.reason = reason


def close_in(house: Guesthouse) -> None:
    """Go through the steps but those left out; the early ones come first. Raises StepError."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    go_through(STEPS, house)


def go_through(steps: tuple[tuple[str, Step], ...], house: Guesthouse) -> None:
    """Go through some steps but those left out. Raises StepError."""
    for layer, step in steps:
        if layer in house.without and not (step is _scratch and house.limits.scratch_bytes):
            continue
        try:
            step(house)
        except (OSError, ValueError) as error:
            raise StepError(layer, str(error)) from error
