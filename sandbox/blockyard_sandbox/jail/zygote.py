"""The zygote: a warm interpreter that has already left the host, and forks a guest when the platform asks for one.

``python -m blockyard_sandbox.jail.zygote DESCRIPTOR`` is started by :class:`blockyard_sandbox.sandbox.Sandbox` with an empty
environment; its configuration comes on standard input. Two processes: the launcher enters the new
namespaces and waits; its child, the first process of the new pid namespace, is the zygote proper. It reads
only what the platform sends, never a byte of a tenant.
"""

import fcntl
import importlib
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

from blockyard_sandbox.jail import kernel, landlock, room, seccomp
from blockyard_sandbox.jail.nursery import Nursery, Prepared
from blockyard_sandbox.jail.steps import FIRST_FREE, StepError
from blockyard_sandbox.spec import UID_BASE, Bind

UIDS = 65_536
"""How many users the jail has when root maps them."""

_NAMESPACES = {
    "user": kernel.CLONE_NEWUSER,
    "mount": kernel.CLONE_NEWNS,
    "pid": kernel.CLONE_NEWPID,
    "network": kernel.CLONE_NEWNET,
    "ipc": kernel.CLONE_NEWIPC,
    "uts": kernel.CLONE_NEWUTS,
}


def main(control: socket.socket, config: dict[str, Any]) -> NoReturn:
    """Load, leave the host, then serve the platform's wishes until it goes away."""
    without = frozenset(config["without"])
    try:
        handlers = load(config)
        root = os.geteuid() == 0 and "user" not in without
        enter(without, as_root=root)
        _die_with_parent()
    except StepError as error:
        fail(control, error)
    except Exception as error:  # noqa: BLE001  (whatever an extension raises is told, not swallowed)
        fail(control, StepError("zygote", f"{type(error).__name__}: {error}"))
    child = os.fork()
    if child:
        control.close()
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    try:
        prepared = prepare(config, without, handlers, as_root=root)
        _die_with_parent()
    except StepError as error:
        fail(control, error)
    except OSError as error:
        fail(control, StepError("mount", str(error)))
    control.send(json.dumps({"op": "ready", "own_uids": root}).encode())
    Nursery(control, prepared).serve()


def _die_with_parent() -> None:
    """Ask the kernel to end this process with its parent; a change of user undoes it, so it comes after."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)


def load(config: dict[str, Any]) -> dict[str, Any]:
    """Import all that guests may need, and build the handlers of the extensions."""
    import zoneinfo

    zoneinfo.reset_tzpath([zones()])
    sys.path.extend(config["paths"])
    for name in config["preload"]:
        importlib.import_module(name)
    handlers: dict[str, Any] = {}
    for name, (place, settings) in config["extensions"].items():
        module, _, function = place.partition(":")
        handlers[name] = getattr(importlib.import_module(module), function)(settings)
    from blockyard_sandbox.guest.preload import preload

    preload()
    return handlers


def zones() -> str:
    """Return the host's folder of time-zone data: that of the tzdata package, the same on every machine."""
    tzdata = importlib.import_module("tzdata")
    return str(Path(str(tzdata.__file__)).with_name("zoneinfo"))


def enter(without: frozenset[str], *, as_root: bool) -> None:
    """Enter the new namespaces; with root's help from outside, map a range of users of the jail's own."""
    flags = 0
    for layer, flag in _NAMESPACES.items():
        flags |= 0 if layer in without else flag
    uid, gid = os.getuid(), os.getgid()
    mapper = _start_mapper(os.getpid()) if as_root else None
    try:
        kernel.unshare(flags)
        if mapper is not None:
            _let_map(*mapper)
        elif "user" not in without:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
            Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    except OSError as error:
        raise StepError("user", f"new namespaces are refused: {error}") from error


def _start_mapper(target: int) -> tuple[int, int]:
    """Fork the process that writes the maps: it must stand outside the new user namespace. Returns its pid and a pipe."""
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(reader)
        return child, writer
    status = 1
    try:
        os.close(writer)
        if os.read(reader, 1) == b"g":
            for name in ("uid_map", "gid_map"):
                Path(f"/proc/{target}/{name}").write_text(f"0 {UID_BASE} {UIDS}")
            status = 0
    finally:
        os._exit(status)


def _let_map(child: int, pipe: int) -> None:
    os.write(pipe, b"g")
    os.close(pipe)
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise StepError("user", "the maps of users could not be written")


def prepare(
    config: dict[str, Any], without: frozenset[str], handlers: dict[str, Any], *, as_root: bool
) -> Prepared:
    """Build the root and everything that guests share, as the first process of the jail."""
    baseline = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    own = -1 if "pid" in without else os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    programs: bool = config["programs"]
    closed = "seccomp" not in without
    filter_bytes = seccomp.program(programs=programs) if closed else b""
    network_filter = seccomp.program(programs=True, network=True) if closed and programs else b""
    _furnish(config, without, as_root=as_root)
    if "uts" not in without:
        kernel.sethostname(b"jail")
    rules = None
    readable = _targets(config, "folder")
    executable: tuple[str, ...] = ()
    if config["programs"]:
        readable = _targets(config, "folder", execute=False)
        executable = (*_targets(config, "folder", execute=True), *_targets(config, "file"))
    devices = _targets(config, "device")
    if "landlock" not in without:
        places = [room.ZONES, *readable]
        try:
            rules = landlock.ruleset(
                [place for place in places if os.path.isdir(place)], (), executable, devices
            )
        except OSError as error:
            if config["level"] == "full":
                raise StepError("landlock", str(error)) from error
    return Prepared(
        handlers=handlers,
        baseline=baseline,
        pid_namespace=own,
        rules=rules,
        filter=filter_bytes,
        without=without,
        own_uids=as_root and "uid" not in without,
        executable=executable,
        devices=devices,
        stores={it["target"]: it["writable"] for it in config["binds"] if it["kind"] == "store"},
        network_filter=network_filter,
    )


def _targets(config: dict[str, Any], kind: str, *, execute: bool | None = None) -> tuple[str, ...]:
    return tuple(
        bind["target"]
        for bind in config["binds"]
        if bind["kind"] == kind and execute in (None, bind["execute"])
    )


def _furnish(config: dict[str, Any], without: frozenset[str], *, as_root: bool) -> None:
    import zoneinfo

    binds = [Bind(zones(), room.ZONES), *(Bind(**bind) for bind in config["binds"])]
    taken = []
    if "mount" not in without:
        kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
        taken = room.take(binds)
    if as_root:
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
    if "mount" not in without:
        room.build(taken, [(path, target) for path, target in config["links"]])
        zoneinfo.reset_tzpath([room.ZONES])


def fail(control: socket.socket, error: StepError) -> NoReturn:
    """Tell the platform which layer cannot be had, and end."""
    control.send(
        json.dumps({"op": "failed", "layer": error.layer, "reason": error.reason[:2000]}).encode()
    )
    os._exit(70)


def channels(descriptor: int) -> tuple[socket.socket, dict[str, Any]]:
    """Read the configuration, and keep free the low descriptors that guests will have."""
    with os.fdopen(0, "rb", closefd=False) as stream:
        config: dict[str, Any] = json.load(stream)
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 64)
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(FIRST_FREE):
        os.dup2(null, number)
    if null >= FIRST_FREE:
        os.close(null)
    if descriptor >= FIRST_FREE:
        os.close(descriptor)
    return socket.socket(fileno=high), config


if __name__ == "__main__":
    main(*channels(int(sys.argv[1])))
