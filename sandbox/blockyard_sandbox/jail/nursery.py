"""Forking guests and telling of their ends: the zygote's loop."""

import array
import contextlib
import json
import os
import select
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from blockyard_sandbox.guest.operations import handlers
from blockyard_sandbox.guest.serve import serve
from blockyard_sandbox.jail import kernel
from blockyard_sandbox.jail.steps import REPORT, Guesthouse, StepError, close_in
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


@dataclass(slots=True)
class Nursery:
    """The guests that live, by the descriptor that tells of their end."""

    control: socket.socket
    prepared: Prepared
    _guests: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])

    def serve(self) -> NoReturn:
        """Wait for wishes and for ends; leave when the platform has gone, and every guest with it."""
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == self.control.fileno():
                    born = self._wish()
                    poll.register(born, select.POLLIN)
                else:
                    poll.unregister(descriptor)
                    self._bury(descriptor)

    def _wish(self) -> int:
        """Serve one message of the platform: fork a guest. Returns the descriptor that tells of its end."""
        room = socket.CMSG_SPACE(8 * array.array("i").itemsize)
        data, ancillary, _, _ = self.control.recvmsg(_MESSAGE, room, socket.MSG_CMSG_CLOEXEC)
        if not data:
            os._exit(0)
        descriptors = array.array("i")
        for _, _, content in ancillary:
            descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
        wish: dict[str, Any] = json.loads(data)
        pidfd = self._fork(wish, list(descriptors))
        for descriptor in descriptors:
            os.close(descriptor)
        return pidfd

    def _fork(self, wish: dict[str, Any], descriptors: list[int]) -> int:
        prepared = self.prepared
        own_pids = "pid" not in prepared.without
        if own_pids:
            kernel.unshare(kernel.CLONE_NEWPID)
        child = os.fork()
        if child == 0:
            self._become_guest(wish, descriptors)
        if own_pids:
            kernel.setns(prepared.pid_namespace, kernel.CLONE_NEWPID)
        pidfd = os.pidfd_open(child)
        self._guests[pidfd] = (child, wish["id"])
        message = json.dumps({"op": "born", "id": wish["id"]}).encode()
        socket.send_fds(self.control, [message], [pidfd])
        return pidfd

    def _bury(self, pidfd: int) -> None:
        child, number = self._guests.pop(pidfd)
        _, status = os.waitpid(child, 0)
        os.close(pidfd)
        exit_code = os.waitstatus_to_exitcode(status)
        self.control.send(json.dumps({"op": "gone", "id": number, "exit": exit_code}).encode())

    def _become_guest(self, wish: dict[str, Any], descriptors: list[int]) -> NoReturn:
        status = 71
        try:
            self._close_in(wish, descriptors)
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

    def _close_in(self, wish: dict[str, Any], descriptors: list[int]) -> None:
        prepared = self.prepared
        house = _arrange(wish, descriptors, prepared)
        try:
            close_in(house)
        except StepError as error:
            with contextlib.suppress(OSError):
                os.write(REPORT, json.dumps([error.layer, error.reason]).encode()[:4000])
            os._exit(70)


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
