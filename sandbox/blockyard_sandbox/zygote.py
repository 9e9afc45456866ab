"""The zygote as the platform holds it: its control channel, and the guests by number. All on one event loop, without threads."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import socket
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from blockyard_sandbox.errors import SandboxUnavailableError, ZygoteDiedError
from blockyard_sandbox.guests import Guest
from blockyard_sandbox.jail import cgroups
from blockyard_sandbox.launching import launch, readable, reap
from blockyard_sandbox.limits import GuestLimits
from blockyard_sandbox.spec import LISTENING, UID_BASE, GuestView

if TYPE_CHECKING:
    from blockyard_sandbox.spec import JailSpec

START_SECONDS = 60.0
"""How long a zygote may take to be ready; it loads the catalog meanwhile."""

CLOSE_SECONDS = 30.0
"""How long a zygote may take to end of itself."""

_UIDS = 60_000


class Zygote:
    """One process that is started at once; nothing here is called again after ``close``."""

    def __init__(self, spec: JailSpec) -> None:
        """Start the process. Raises SandboxUnavailableError."""
        self._loop = asyncio.get_running_loop()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        self.process = launch(spec, theirs)
        theirs.close()
        self.alive = True
        self._own_uids = False
        self._spare: cgroups.Cgroup | None = None
        self._level = spec.level
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._born: dict[int, asyncio.Future[int]] = {}
        self._gone: dict[int, asyncio.Future[int | None]] = {}
        self._numbers = itertools.count(1)
        without = spec.without
        self._cgroups = cgroups.CgroupPool() if "cgroup" in without else cgroups.find()
        self._loop.add_reader(self._control, self._read)

    async def ready(self) -> None:
        """Wait until it has loaded and left the host. Raises SandboxUnavailableError for the layer that cannot be had."""
        try:
            await asyncio.wait_for(asyncio.shield(self._ready), START_SECONDS)
            await self._keep_spare()
        except TimeoutError:
            await self.close()
            raise SandboxUnavailableError(
                "zygote", f"not ready after {START_SECONDS:g} s"
            ) from None
        except BaseException:
            await self.close()
            raise

    async def bear(self, limits: GuestLimits, view: GuestView) -> Guest:
        """Return a guest that is closed in. Raises SandboxUnavailableError."""
        number = next(self._numbers)
        ours, theirs = socket.socketpair()
        report, their_report = socket.socketpair()
        group = self._group(limits)
        born: asyncio.Future[int] = self._loop.create_future()
        gone: asyncio.Future[int | None] = self._loop.create_future()
        self._born[number], self._gone[number] = born, gone
        guest = Guest(ours, gone, limits, group, self._cgroups)
        try:
            uid = 1 + number % _UIDS
            wish = {"op": "guest", "id": number, "limits": asdict(limits), "uid": uid}
            wish |= asdict(view) | {"group": group.name if group is not None else ""}
            entries = group.entries if group is not None else ()
            channels = [theirs.fileno(), their_report.fileno(), *entries]
            await self._send(json.dumps(wish).encode(), channels)
            theirs.close()
            their_report.close()
            guest.watch(await born)
            guest.owner = UID_BASE + uid if self._own_uids else os.geteuid()
            guest.listening = await self._closed_in(report, network=view.network)
            await self._keep_spare()
        except BaseException:
            # What failed is told by what is raised; one that was born when nobody waited any more is ended as any other.
            if born.done() and not born.cancelled() and born.exception() is None and not guest.pid:
                guest.watch(born.result())
            await guest.close()
            raise
        finally:
            theirs.close()
            their_report.close()
            report.close()
            self._born.pop(number, None)
        return guest

    def _group(self, limits: GuestLimits) -> cgroups.Cgroup | None:
        """Return the group in which the spare guest waits, or another one where that does not take the limits yet."""
        group = self._spare
        if group is not None:
            with contextlib.suppress(OSError):
                self._cgroups.limit(group, limits)
                self._spare = None
                return group
        return self._cgroups.acquire(limits)

    async def _keep_spare(self) -> None:
        """Have the next guest made as far as that goes: letting a process into a control group takes longer than all the rest."""
        if self._spare is not None or not self.alive:
            return
        group = self._spare = self._cgroups.acquire(GuestLimits())
        if group is not None:
            with contextlib.suppress(SandboxUnavailableError):
                message = json.dumps({"op": "spare", "group": group.name}).encode()
                await self._send(message, list(group.entries))

    async def _closed_in(self, report: socket.socket, *, network: bool) -> socket.socket | None:
        """Wait until the guest has closed its report channel: it is in, unless it has written what failed.

        Returns the socket that listens in the guest's own network, when it is to have one.
        """
        report.setblocking(False)
        told, listening = b"", None
        if network:
            told, listening = await self._listening(report)
        try:
            told += await self._loop.sock_recv(report, 4096)
            if told:
                layer, reason = json.loads(told)
                raise SandboxUnavailableError(layer, reason)
        except BaseException:
            if listening is not None:
                listening.close()
            raise
        return listening

    async def _listening(self, report: socket.socket) -> tuple[bytes, socket.socket | None]:
        """Return the first byte of a failure, or else the socket that came with it."""
        await readable(self._loop, report)
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
                raise ZygoteDiedError("zygote", f"it has gone: {error}") from error
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
        error = ZygoteDiedError("zygote", "its process has ended")
        if not self._ready.done():
            self._ready.set_exception(error)
        for born in self._born.values():
            if not born.done():
                born.set_exception(error)
        for number in list(self._gone):
            self._set_gone(number, None)

    async def close(self) -> None:
        """End the process and every guest; leave no control group."""
        self._end()
        self._control.close()
        if self._ready.done() and not self._ready.cancelled():
            self._ready.exception()
        # The end of the channel ends the zygote, the kernel then everything in its pid namespace, and only after
        # that its launcher: whoever waits for the launcher knows that nothing is left.
        try:
            await asyncio.wait_for(reap(self._loop, self.process), CLOSE_SECONDS)
        except TimeoutError:
            self.process.kill()
            await reap(self._loop, self.process)
        # A launcher that was killed has not waited for the guests, which the kernel ends after it.
        until = self._loop.time() + CLOSE_SECONDS
        while not self._cgroups.close() and self._loop.time() < until:
            await asyncio.sleep(0.01)
