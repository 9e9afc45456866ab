"""The doctor: a real guest is made on this machine, and the kernel is asked how it stands."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from blockyard_sandbox.errors import SandboxUnavailableError
from blockyard_sandbox.guests import Guest
from blockyard_sandbox.jail import cgroups, landlock
from blockyard_sandbox.limits import GuestLimits
from blockyard_sandbox.sandbox import Sandbox
from blockyard_sandbox.spec import OPTIONAL, REDUCED, JailSpec, Level

STOPS = {
    "environment": "secrets in the platform's variables",
    "user": "acting as a user of the host",
    "mount": "reading or writing files of the host",
    "pid": "seeing or signalling other processes",
    "network": "every connection",
    "ipc": "shared memory that outlives a run",
    "uts": "learning or changing the machine's name",
    "cgroup": "using more memory or processes as a whole",
    "rlimits": "memory, CPU, file and process bombs",
    "capabilities": "mounting, raw devices, changing users",
    "uid": "touching what another guest owns",
    "no-new-privileges": "gaining rights by set-uid programs",
    "landlock": "opening files that are not listed, signals and sockets across guests",
    "descriptors": "using files and sockets that were left open",
    "seccomp": "io_uring, bpf, perf, keyrings, ptrace, sockets, new processes, exec",
}
"""What each layer stops, by its name."""

_NAMESPACES = {
    "user": "user",
    "mount": "mnt",
    "pid": "pid",
    "network": "net",
    "ipc": "ipc",
    "uts": "uts",
}


@dataclass(frozen=True, slots=True)
class LayerReport:
    """How one layer stands here: ``detail`` says what was seen, ``stops`` what the layer is for."""

    name: str
    holds: bool
    detail: str
    stops: str


@dataclass(frozen=True, slots=True)
class Seen:
    """The doctor's guest, and what it told when asked to look around."""

    guest: Guest
    told: dict[str, Any]

    @property
    def pid(self) -> int:
        """The guest's process id, as the host counts."""
        return self.guest.pid


Check = Callable[[Seen], tuple[bool, str]]


def examine() -> list[LayerReport]:
    """Make a guest at the highest level that can be had, and report each layer in the order in which they close."""
    return asyncio.run(_examine())


def level_of(layers: list[LayerReport]) -> Literal["full", "reduced", "none"]:
    """Return the highest level at which a policy can be served with these layers."""
    missing = {layer.name for layer in layers if not layer.holds}
    return "full" if missing <= OPTIONAL else "reduced" if missing <= REDUCED else "none"


async def _examine() -> list[LayerReport]:
    levels: tuple[Level, ...] = ("full", "reduced")
    refused: dict[str, str] = {}
    for level in levels:
        try:
            async with Sandbox(_SPECS[level]) as sandbox:
                guest = await sandbox.guest(GuestLimits())
                try:
                    seen = Seen(guest, (await guest.call("probe", {})).value or {})
                    return [_report(name, check, seen, refused) for name, check in _CHECKS.items()]
                finally:
                    await guest.close()
        except SandboxUnavailableError as error:
            refused[error.layer] = error.reason
    why = "; ".join(f"{layer}: {reason}" for layer, reason in refused.items())
    return [
        LayerReport(name, False, refused.get(name, f"no guest could be made ({why})"), STOPS[name])
        for name in STOPS
    ]


def _report(name: str, check: Check, guest: Seen, refused: dict[str, str]) -> LayerReport:
    if name in refused:
        return LayerReport(name, False, refused[name], STOPS[name])
    try:
        holds, detail = check(guest)
    except OSError as error:
        holds, detail = False, str(error)
    return LayerReport(name, holds, detail, STOPS[name])


def _status(guest: Seen, name: str) -> str:
    lines = Path(f"/proc/{guest.pid}/status").read_text().splitlines()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:")), ""
    )


def _namespace(layer: str) -> Check:
    def check(guest: Seen) -> tuple[bool, str]:
        kind = _NAMESPACES[layer]
        try:
            ours, theirs = (os.readlink(f"/proc/{who}/ns/{kind}") for who in ("self", guest.pid))
        except PermissionError:
            return True, "entered, or there would be no guest; only root may look closer"
        return ours != theirs, f"the guest is in {theirs}, the platform in {ours}"

    return check


def _environment(guest: Seen) -> tuple[bool, str]:
    names = guest.told.get("environment", ["unknown"])
    return not names, f"variables: {', '.join(names) or 'none'}"


def _cgroup(guest: Seen) -> tuple[bool, str]:
    bases = cgroups.find().bases
    return bool(
        bases
    ), f"groups are made in {', '.join(map(str, bases))}" if bases else "no writable hierarchy"


def _rlimits(guest: Seen) -> tuple[bool, str]:
    lines = Path(f"/proc/{guest.pid}/limits").read_text().splitlines()
    core = next(line for line in lines if line.startswith("Max core file size"))
    space = next(line for line in lines if line.startswith("Max address space"))
    # A limit of one byte keeps more from being written than none, see the steps of the jail.
    bounded = core.split()[4] in ("0", "1") and "unlimited" not in space
    return bounded, f"address space {space.split()[3]} bytes, no core files"


def _capabilities(guest: Seen) -> tuple[bool, str]:
    sets = {
        name: _status(guest, name) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    }
    return set(sets.values()) == {"0" * 16}, ", ".join(
        f"{name} {held}" for name, held in sets.items()
    )


def _uid(guest: Seen) -> tuple[bool, str]:
    user = int(_status(guest, "Uid").split()[0])
    return user != os.getuid(), f"the guest is user {user}, the platform {os.getuid()}"


def _no_new_privileges(guest: Seen) -> tuple[bool, str]:
    return _status(guest, "NoNewPrivs") == "1", f"NoNewPrivs {_status(guest, 'NoNewPrivs')}"


def _landlock(guest: Seen) -> tuple[bool, str]:
    return True, f"a ruleset of version {landlock.version()} was put on"


def _descriptors(guest: Seen) -> tuple[bool, str]:
    held = guest.told.get("descriptors", [])
    return held == [0, 1, 2, 3], f"open descriptors: {', '.join(map(str, held))}"


def _seccomp(guest: Seen) -> tuple[bool, str]:
    mode, tried = _status(guest, "Seccomp"), guest.told.get("socket", "unknown")
    return (
        mode == "2" and tried == "Operation not permitted",
        f"mode {mode}; opening a socket: {tried}",
    )


def _mount(guest: Seen) -> tuple[bool, str]:
    seen = guest.told.get("host", ["unknown"])
    return not seen, f"folders of the host in sight: {', '.join(seen) or 'none'}"


def _pid(guest: Seen) -> tuple[bool, str]:
    number = guest.told.get("pid")
    return number == 1, f"the guest is process {number} of its own count"


_PROBE = {"probe": ("blockyard_sandbox.probe:make", None)}
_SPECS: dict[Level, JailSpec] = {
    "full": JailSpec(extensions=_PROBE, level="full"),
    "reduced": JailSpec(extensions=_PROBE, level="reduced"),
}
_CHECKS: dict[str, Check] = {
    "environment": _environment,
    **{layer: _namespace(layer) for layer in _NAMESPACES},
    "mount": _mount,
    "pid": _pid,
    "cgroup": _cgroup,
    "rlimits": _rlimits,
    "capabilities": _capabilities,
    "uid": _uid,
    "no-new-privileges": _no_new_privileges,
    "landlock": _landlock,
    "descriptors": _descriptors,
    "seccomp": _seccomp,
}
