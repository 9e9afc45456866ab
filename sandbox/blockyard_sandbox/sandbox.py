"""The sandbox: one zygote, and the guests that it forks. Everything here runs on one event loop, without threads."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self

from blockyard_sandbox.answers import Answer, GuestFailure
from blockyard_sandbox.errors import SandboxUnavailableError
from blockyard_sandbox.guests import Guest
from blockyard_sandbox.jail import cgroups
from blockyard_sandbox.limits import GuestLimits
from blockyard_sandbox.spec import LISTENING, UID_BASE, GuestView

if TYPE_CHECKING:
    from types import TracebackType

    from blockyard_sandbox.spec import JailSpec

__all__ = ["Answer", "Guest", "GuestFailure", "Sandbox"]

START_SECONDS = 60.0
"""How long a zygote may take to be ready; it loads the catalog meanwhile."""

CLOSE_SECONDS = 5.0
"""How long a zygote may take to end of itself."""

_UIDS = 60_000

_BARE = GuestView()


class Sandbox:
    """An asynchronous context manager that owns one zygote process.

    ``await sandbox.guest(limits)`` gives a fresh guest; close each. A zygote that has died is replaced at the next guest.
    """

    def __init__(self, spec: JailSpec) -> None:
        """Start nothing."""
        self.spec = spec
        self._zygote: _Zygote | None = None
        self._starting: asyncio.Lock = asyncio.Lock()

    async def start(self) -> None:
        """Start the zygote. Raises SandboxUnavailableError when a layer of the spec's level cannot be had."""
        async with self._starting:
            if self._zygote is None or not self._zygote.alive:
                if self._zygote is not None:
                    await self._zygote.close()
                zygote = _Zygote(self.spec)
                self._zygote = zygote
                await zygote.ready()

    async def guest(
        self, limits: GuestLimits | None = None, view: GuestView | None = None
    ) -> Guest:
        """Return a guest that is closed in and waits for its first call."""
        if self._zygote is None or not self._zygote.alive:
            await self.start()
        assert self._zygote is not None  # noqa: S101  (for type checkers: start() has set it)
        return await self._zygote.bear(limits or GuestLimits(), view or _BARE)

    async def close(self) -> None:
        """End the zygote and every guest; leave no process, no control group and no descriptor."""
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            await zygote.close()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    @property
    def pid(self) -> int | None:
        """The process id of the zygote's launcher, or ``None`` when none runs."""
        return self._zygote.process.pid if self._zygote is not None else None


class _Zygote:
    """The process, its control channel, and the guests by number."""

    def __init__(self, spec: JailSpec) -> None:
        self._loop = asyncio.get_running_loop()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        self.process = _launch(spec, theirs)
        theirs.close()
        self.alive = True
        self._own_uids = False
        self._level = spec.level
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._born: dict[int, asyncio.Future[int]] = {}
        self._gone: dict[int, asyncio.Future[int | None]] = {}
        self._numbers = itertools.count(1)
        without = spec.without
        self._cgroups = cgroups.CgroupPool() if "cgroup" in without else cgroups.find()
        self._loop.add_reader(self._control, self._read)

    async def ready(self) -> None:
        try:
            await asyncio.wait_for(asyncio.shield(self._ready), START_SECONDS)
        except TimeoutError:
            await self.close()
            raise SandboxUnavailableError(
                "zygote", f"not ready after {START_SECONDS:g} s"
            ) from None
        except BaseException:
            await self.close()
            raise

    async def bear(self, limits: GuestLimits, view: GuestView) -> Guest:
        number = next(self._numbers)
        ours, theirs = socket.socketpair()
        report, their_report = socket.socketpair()
        group = self._cgroups.acquire(limits)
        born: asyncio.Future[int] = self._loop.create_future()
        gone: asyncio.Future[int | None] = self._loop.create_future()
        self._born[number], self._gone[number] = born, gone
        guest = Guest(ours, gone, limits, group, self._cgroups)
        try:
            uid = 1 + number % _UIDS
            wish = {"id": number, "limits": asdict(limits), "uid": uid, **asdict(view)}
            entries = group.entries if group is not None else ()
            channels = [theirs.fileno(), their_report.fileno(), *entries]
            await self._send(json.dumps(wish).encode(), channels)
            theirs.close()
            their_report.close()
            guest.watch(await born)
            guest.owner = UID_BASE + uid if self._own_uids else os.geteuid()
            guest.listening = await self._closed_in(report, network=view.network)
        except BaseException:
            await guest.close()
            raise
        finally:
            theirs.close()
            their_report.close()
            report.close()
            self._born.pop(number, None)
        return guest

    async def _closed_in(self, report: socket.socket, *, network: bool) -> socket.socket | None:
        """Wait until the guest has closed its report channel: it is in, unless it has written what failed.

        Returns the socket that listens in the guest's own network, when it is to have one.
        """
        report.setblocking(False)
        told, listening = b"", None
        if network:
            told, listening = await self._listening(report)
        told += await self._loop.sock_recv(report, 4096)
        if told:
            if listening is not None:
                listening.close()
            layer, reason = json.loads(told)
            raise SandboxUnavailableError(layer, reason)
        return listening

    async def _listening(self, report: socket.socket) -> tuple[bytes, socket.socket | None]:
        """Return the first byte of a failure, or else the socket that came with it."""
        ready: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(report, _set, ready)
        try:
            await ready
        finally:
            self._loop.remove_reader(report)
        told, descriptors, _, _ = socket.recv_fds(report, 1, 1, socket.MSG_CMSG_CLOEXEC)
        if told != LISTENING or not descriptors:
            return told, None
        return b"", socket.socket(fileno=descriptors[0])

    async def _send(self, message: bytes, descriptors: list[int]) -> None:
        while True:
            try:
                socket.send_fds(self._control, [message], descriptors)
            except BlockingIOError:
                await asyncio.sleep(0.001)
            except OSError as error:
                self._end()
                raise SandboxUnavailableError("zygote", f"it has gone: {error}") from error
            else:
                return

    def _read(self) -> None:
        """Take what the zygote says: trusted words, since it never reads a tenant's."""
        try:
            data, descriptors, _, _ = socket.recv_fds(
                self._control, 65_536, 4, socket.MSG_CMSG_CLOEXEC
            )
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data, descriptors = b"", []
        if not data:
            self._end()
            return
        said: dict[str, Any] = json.loads(data)
        if said["op"] == "born":
            born = self._born.get(said["id"])
            if born is not None and not born.done():
                born.set_result(descriptors[0])
            else:
                os.close(descriptors[0])
        elif said["op"] == "gone":
            self._set_gone(said["id"], said["exit"])
        elif said["op"] == "ready":
            self._own_uids = said["own_uids"]
            self._ready.set_result(None)
        else:
            self._ready.set_exception(SandboxUnavailableError(said["layer"], said["reason"]))

    def _set_gone(self, number: int, status: int | None) -> None:
        gone = self._gone.pop(number, None)
        if gone is not None and not gone.done():
            gone.set_result(status)

    def _end(self) -> None:
        """Note that the zygote has gone: so have its guests, and whoever waits is told."""
        if not self.alive:
            return
        self.alive = False
        self._loop.remove_reader(self._control)
        error = SandboxUnavailableError("zygote", "its process has ended")
        if not self._ready.done():
            self._ready.set_exception(error)
        for born in self._born.values():
            if not born.done():
                born.set_exception(error)
        for number in list(self._gone):
            self._set_gone(number, None)

    async def close(self) -> None:
        self._end()
        self._control.close()
        if self._ready.done() and not self._ready.cancelled():
            self._ready.exception()
        # The end of the channel ends the zygote, the kernel then everything in its pid namespace, and only after
        # that its launcher: whoever waits for the launcher knows that nothing is left.
        try:
            await asyncio.wait_for(_reap(self._loop, self.process), CLOSE_SECONDS)
        except TimeoutError:
            self.process.kill()
            await _reap(self._loop, self.process)
        self._cgroups.close()


def _launch(spec: JailSpec, channel: socket.socket) -> subprocess.Popen[bytes]:
    config = {
        "preload": list(spec.preload),
        "paths": list(spec.paths),
        "extensions": {name: list(made) for name, made in spec.extensions.items()},
        "binds": [asdict(bind) for bind in spec.binds],
        "links": [list(link) for link in spec.links],
        "programs": spec.programs,
        "level": spec.level,
        "without": sorted(spec.without),
    }
    given = os.memfd_create("blockyard-config", os.MFD_CLOEXEC)
    try:
        with os.fdopen(given, "wb", closefd=False) as stream:
            stream.write(json.dumps(config).encode())
        os.lseek(given, 0, os.SEEK_SET)
        environment = dict(os.environ) if "environment" in spec.without else {}
        return subprocess.Popen(  # noqa: S603  (our own interpreter and module)
            [sys.executable, "-I", "-m", "blockyard_sandbox.jail.zygote", str(channel.fileno())],
            stdin=given,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            pass_fds=[channel.fileno()],
            start_new_session=True,
            cwd="/",
        )
    except OSError as error:
        raise SandboxUnavailableError("zygote", f"cannot be started: {error}") from error
    finally:
        os.close(given)


async def _reap(loop: asyncio.AbstractEventLoop, process: subprocess.Popen[bytes]) -> None:
    """Wait for a process's end by its descriptor, and collect it."""
    if process.poll() is not None:
        return
    descriptor = os.pidfd_open(process.pid)
    ended: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, _set, ended)
    try:
        await ended
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        process.wait()


def _set(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)
