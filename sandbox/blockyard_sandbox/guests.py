"""A guest as the platform holds it: one call at a time, watched from outside, killed at the first broken rule."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from blockyard_sandbox.answers import Answer, GuestFailure, answer_of, log_of
from blockyard_sandbox.calls import Call
from blockyard_sandbox.errors import ProtocolError
from blockyard_sandbox.frames import FrameReader, decode, encode
from blockyard_sandbox.process import Process
from blockyard_sandbox.spent import seconds_below
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from blockyard_sandbox.jail.cgroups import Cgroup, CgroupPool
    from blockyard_sandbox.limits import GuestLimits

_CHUNK = 32_768
"""Bytes of one read: a buffer that is larger than 128 KiB is mapped anew for each, which costs more than the call."""

_PATIENCE = 100e-6
"""Seconds for which a call looks for its answer itself: being woken through the event loop takes half as long again as a short call."""

_QUICK = 200e-6
"""Seconds: a guest whose last call took longer is not looked for so."""

_FRAME = 65_536
"""What a frame may hold around the result, and the longest error or log frame."""


class Guest:
    """One jailed process. ``alive`` turns false for good when it ended or was killed."""

    def __init__(
        self,
        sock: socket.socket,
        gone: asyncio.Future[int | None],
        limits: GuestLimits,
        group: Cgroup | None,
        groups: CgroupPool,
    ) -> None:
        """Hold the socket; the process is known once :meth:`watch` has its descriptor."""
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._process = Process(gone, group, groups)
        self._limits = limits
        self._reader = FrameReader()
        self._calls = 0
        self._call: Call | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._doom: GuestFailure | None = None
        self._quick = True
        self.alive = True
        self.pid = 0
        self.owner = 0
        """The user on the host that owns what the guest writes."""
        self.lost_seconds = 0.0
        """CPU seconds of the call during which the guest was killed, and of what it had started."""
        self.listening: socket.socket | None = None
        """What listens in the guest's own network, when it has one."""
        sock.setblocking(False)

    def watch(self, pidfd: int) -> None:
        """Take the process's descriptor, find its CPU clock, and listen."""
        self._process.watch(pidfd)
        self.pid = self._process.pid
        self._loop.add_reader(self._sock, self._read)

    async def call(
        self,
        op: str,
        payload: dict[str, Any],
        *,
        limits: GuestLimits | None = None,
        on_log: Callable[[str], None] | None = None,
    ) -> Answer:
        """Ask for an operation and return the answer; a guest that fails its limits is killed and says why in it.

        ``on_log`` is given what the call prints, in pieces. A cancelled call kills the guest. Raises RuntimeError when a call is under way.
        """
        if self._call is not None:
            raise RuntimeError("a guest serves one call at a time")
        if not self.alive:
            return Answer(None, self._doom or await self._autopsy(), 0.0)
        bounds = limits or self._limits
        sizes = {"output_bytes": bounds.output_bytes, "result_bytes": bounds.result_bytes}
        self._calls += 1
        try:
            frame = encode({"id": self._calls, "op": op, "payload": payload, "limits": sizes})
        except (ValueError, TypeError, RecursionError, UnicodeEncodeError) as error:
            failure = GuestFailure(Code.INVALID_TYPE, f"the input is not plain data: {error}")
            return Answer(None, failure, 0.0)
        call = self._call = Call(self._calls, bounds, on_log, self._loop, self._process.cpu())
        self._arm(min(bounds.wall_seconds, bounds.cpu_seconds))
        try:
            await self._send(frame)
            if self._quick:
                self._look_for(call)
            answer = await call.answer
            self._quick = self._loop.time() - call.begun < _QUICK
            return answer
        except asyncio.CancelledError:
            self.kill(GuestFailure(Code.KILLED_MANUALLY, "the call was cancelled"))
            raise
        finally:
            self._call = None

    @property
    def out_of_memory(self) -> bool:
        """Whether the kernel killed something in this guest for want of memory; always False without control groups."""
        return self._process.out_of_memory

    def kill(self, why: GuestFailure) -> None:
        """End the process now; ``why`` is what its call, and any later one, answers."""
        if self._doom is None:
            self._doom = why
        if self._call is not None and self.alive:
            self.lost_seconds = self._used() + seconds_below(self.pid)
        self._silence()
        self._process.kill()
        if self._call is not None:
            self._call.fail(self._doom, self.lost_seconds)

    async def close(self) -> None:
        """End the process, wait until it is gone, give everything back. May be called again."""
        if self._sock.fileno() < 0:
            return
        self.kill(GuestFailure(Code.KILLED_MANUALLY, "the guest was closed"))
        self._sock.close()
        if self.listening is not None:
            self.listening.close()
        await self._process.release()

    async def _send(self, frame: bytes) -> None:
        try:
            sent = self._sock.send(frame)
            if sent < len(frame):
                await self._loop.sock_sendall(self._sock, frame[sent:])
        except BlockingIOError:
            await self._loop.sock_sendall(self._sock, frame)
        except OSError:
            self._ended()

    def _look_for(self, call: Call) -> None:
        """Read for a moment without leaving the call: most are answered within it."""
        until = call.begun + _PATIENCE
        while not call.answer.done() and self.alive and self._loop.time() < until:
            self._read()

    def _read(self) -> None:
        try:
            data = self._sock.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._ended()
            return
        try:
            self._take(data)
        except ProtocolError as error:
            self.kill(
                GuestFailure(Code.UNHANDLED_EXCEPTION, f"the guest broke the protocol: {error}")
            )

    def _take(self, data: bytes) -> None:
        call = self._call
        if call is None or call.answer.done():
            raise ProtocolError("it spoke without being asked")
        limits = call.limits
        if len(data) >= 4 and self._reader.rest == 0:
            size = int.from_bytes(data[:4], "big")
            if size > limits.result_bytes + _FRAME:
                self.kill(call.too_large(size))
                return
        for body in self._reader.feed(data, max(limits.result_bytes, limits.output_bytes) + _FRAME):
            self._frame(call, body)
            if not self.alive:
                return

    def _frame(self, call: Call, body: bytes) -> None:
        if call.answer.done():
            raise ProtocolError("it answered twice")
        content = decode(body)
        if type(content.get("id")) is not int or content["id"] != call.number:
            raise ProtocolError("it answered another call")
        text = log_of(content)
        if text is None:
            call.answer.set_result(answer_of(content, self._used()))
            return
        call.printed += len(body)
        if call.printed > call.limits.output_bytes + _FRAME:
            self.kill(call.too_much())
        elif call.on_log is not None and text:
            call.on_log(text)

    def _ended(self) -> None:
        """Note that the socket is at its end: the process is dying or dead, and its call learns why."""
        self._silence()
        if self._call is not None and not self._call.answer.done():
            self._call.autopsy = self._loop.create_task(self._tell(self._call))

    async def _tell(self, call: Call) -> None:
        call.fail(self._doom or await self._autopsy(), self._used())

    async def _autopsy(self) -> GuestFailure:
        self._doom = await self._process.cause()
        return self._doom

    def _silence(self) -> None:
        self.alive = False
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _used(self) -> float:
        now = self._process.cpu()
        return max(0.0, now - self._call.cpu_before) if self._call is not None and now >= 0 else 0.0

    def _arm(self, seconds: float) -> None:
        """See that :meth:`_look` is called in so many seconds at the latest; an earlier appointment stands."""
        due = self._loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        """Compare the call with its limits at the first moment when it could have passed one; then set the next."""
        self._timer = None
        call = self._call
        if call is None or call.answer.done():
            return
        limits, used = call.limits, self._used()
        left = call.begun + limits.wall_seconds - self._loop.time()
        late = call.too_long(used, left)
        if late is not None:
            self.kill(late)
        else:
            self._arm(max(0.001, min(left, limits.cpu_seconds - used)))
