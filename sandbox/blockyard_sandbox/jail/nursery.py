"""Forking guests and telling of their ends: the zygote's loop."""

import array
import contextlib
import json
import os
import select
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from blockyard_sandbox.guest.operations import handlers
from blockyard_sandbox.guest.serve import serve
from blockyard_sandbox.jail import kernel
from blockyard_sandbox.jail.steps import (
    EARLY,
    REPORT,
    Guesthouse,
    StepError,
    close_in,
    go_through,
)
from blockyard_sandbox.limits import GuestLimits

_MESSAGE = 65_536
_SOCKET = 3


@dataclass(frozen=True, slots=True)
class Prepared:
    """What all guests of a zygote share."""

    handlers: dict[str, Any]
    baseline: int
    pid_namespace: int
    rules: int | None
    filter: bytes
    without: frozenset[str]
    own_uids: bool
    executable: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    stores: Mapping[str, bool] = field(default_factory=dict[str, bool])
    network_filter: bytes = b""


class Spare(NamedTuple):
    """A guest that has gone through the early steps, and waits to be told the rest: its process, and the channel to it."""

    pid: int
    channel: socket.socket
    group: str


@dataclass(slots=True)
class Nursery:
    """The guests that live, by the descriptor that tells of their end, and one that is kept ready."""

    control: socket.socket
    prepared: Prepared
    _guests: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    _spare: Spare | None = None

    def serve(self) -> NoReturn:
        """Wait for wishes and for ends; leave when the platform has gone, and every guest with it."""
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == self.control.fileno():
                    born = self._message()
                    if born is not None:
                        poll.register(born, select.POLLIN)
                else:
                    poll.unregister(descriptor)
                    self._bury(descriptor)

    def _message(self) -> int | None:
        """Serve one message of the platform. Returns the descriptor that tells of the end of a guest that was born."""
        room = socket.CMSG_SPACE(8 * array.array("i").itemsize)
        data, ancillary, _, _ = self.control.recvmsg(_MESSAGE, room, socket.MSG_CMSG_CLOEXEC)
        if not data:
            os._exit(0)
        descriptors = array.array("i")
        for _, _, content in ancillary:
            descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
        wish: dict[str, Any] = json.loads(data)
        try:
            if wish["op"] == "spare":
                self._keep_spare(wish["group"], list(descriptors))
                return None
            return self._bear(wish, list(descriptors))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _bear(self, wish: dict[str, Any], descriptors: list[int]) -> int:
        """Make a guest of the spare one when it lives, or of a new process; what it is in already it does not enter again."""
        child = self._wake(wish, descriptors[:2])
        if child is None:
            child = self._fork(lambda: self._become_guest(wish, descriptors, None))
        pidfd = os.pidfd_open(child)
        self._guests[pidfd] = (child, wish["id"])
        message = json.dumps({"op": "born", "id": wish["id"]}).encode()
        socket.send_fds(self.control, [message], [pidfd])
        return pidfd

    def _keep_spare(self, group: str, entries: list[int]) -> None:
        if self._spare is not None:
            self._spare.channel.close()
            os.waitpid(self._spare.pid, 0)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

        def wait() -> NoReturn:
            ours.close()
            self._wait_to_be_guest(theirs, entries)

        self._spare = Spare(self._fork(wait), ours, group)
        theirs.close()

    def _wake(self, wish: dict[str, Any], channels: list[int]) -> int | None:
        """Tell the spare process what it is to be; return its number, or nothing when there is none in the guest's group."""
        spare = self._spare
        if spare is None or spare.group != wish["group"]:
            return None
        self._spare = None
        with spare.channel:
            try:
                socket.send_fds(spare.channel, [json.dumps(wish).encode()], channels)
            except OSError:
                os.waitpid(spare.pid, 0)
                return None
        return spare.pid

    def _fork(self, begin: Callable[[], NoReturn]) -> int:
        """Fork the first process of a pid namespace of its own, which begins there."""
        own_pids = "pid" not in self.prepared.without
        if own_pids:
            kernel.unshare(kernel.CLONE_NEWPID)
        child = os.fork()
        if child == 0:
            try:
                begin()
            finally:
                os._exit(71)  # a child must never return into the zygote's loop
        if own_pids:
            kernel.setns(self.prepared.pid_namespace, kernel.CLONE_NEWPID)
        return child

    def _bury(self, pidfd: int) -> None:
        child, number = self._guests.pop(pidfd)
        _, status = os.waitpid(child, 0)
        os.close(pidfd)
        exit_code = os.waitstatus_to_exitcode(status)
        self.control.send(json.dumps({"op": "gone", "id": number, "exit": exit_code}).encode())

    def _wait_to_be_guest(self, channel: socket.socket, entries: list[int]) -> NoReturn:
        failure: StepError | None = None
        try:
            go_through(EARLY, _early(self.prepared, tuple(entries)))
        except StepError as error:
            failure = error
        data, descriptors, _, _ = socket.recv_fds(channel, _MESSAGE, 2, socket.MSG_CMSG_CLOEXEC)
        channel.close()
        if not data:
            os._exit(0)
        self._become_guest(json.loads(data), descriptors, failure, early=True)

    def _become_guest(
        self,
        wish: dict[str, Any],
        descriptors: list[int],
        failure: StepError | None,
        *,
        early: bool = False,
    ) -> NoReturn:
        status = 71
        try:
            house = _arrange(wish, descriptors, self.prepared)
            self._close_in(house, failure, early=early)
            operations = handlers(self.prepared.handlers)
            os.close(REPORT)
            # All three are given, since asking the kernel for them is not among the guest's system calls.
            serve(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, _SOCKET), operations)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 71
        except BaseException:  # noqa: BLE001  (a child must never return into the zygote's loop)
            status = 71
        finally:
            os._exit(status)

    def _close_in(self, house: Guesthouse, failure: StepError | None, *, early: bool) -> None:
        try:
            if failure is not None:
                raise failure
            if not early:
                go_through(EARLY, house)
            close_in(house)
        except StepError as error:
            with contextlib.suppress(OSError):
                os.write(REPORT, json.dumps([error.layer, error.reason]).encode()[:4000])
            os._exit(70)


def _early(prepared: Prepared, entries: tuple[int, ...]) -> Guesthouse:
    """Return what the early steps need."""
    return Guesthouse(
        limits=GuestLimits(),
        uid=None,
        cgroups=entries,
        without=prepared.without,
        baseline=0,
        rules=None,
        filter=b"",
    )


def _arrange(wish: dict[str, Any], descriptors: list[int], prepared: Prepared) -> Guesthouse:
    """Put the two channels at their numbers, which the zygote has kept free; a step closes all above."""
    os.dup2(descriptors[0], _SOCKET)
    os.dup2(descriptors[1], REPORT)
    os.close(descriptors[0])
    os.close(descriptors[1])
    return Guesthouse(
        limits=GuestLimits(**wish["limits"]),
        uid=wish["uid"] if prepared.own_uids else None,
        cgroups=tuple(descriptors[2:]),
        without=prepared.without,
        baseline=prepared.baseline,
        rules=prepared.rules,
        filter=prepared.network_filter if wish["network"] else prepared.filter,
        executable=prepared.executable,
        devices=prepared.devices,
        stores=prepared.stores,
        shown=wish["shown"],
        network=wish["network"],
    )
