"""The engine as the platform uses it: asynchronous, checked once, tidied once, and stopped with what waits for it."""

from __future__ import annotations

import asyncio
import os
import threading
import uuid
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from blockyard_sandbox.containers import client as clients
from blockyard_sandbox.containers.errors import ContainerError, EngineGoneError
from blockyard_sandbox.containers.facts import Facts, facts_of
from blockyard_sandbox.containers.images import resolve, resolve_again
from blockyard_sandbox.containers.orphans import remove_orphans
from blockyard_sandbox.containers.running import Running
from blockyard_sandbox.threads import in_loop, in_thread
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blockyard_sandbox.containers.images import Wanted
    from blockyard_sandbox.containers.running import OnPiece
    from blockyard_sandbox.containers.spec import ContainerSpec, Ending, Image
    from blockyard_sandbox.containers.stream import Stream

    Tell = Callable[[str], None]

T = TypeVar("T")

_THREAD = "blockyard-container"


class _Known(NamedTuple):
    facts: Facts
    version: str
    pid: int | None


class ContainerEngine:
    """A Docker engine on this machine. Nothing is asked of it before the first container."""

    def __init__(self, place: str | None = None, own: Sequence[str] = ()) -> None:
        """Use the engine at a socket's URL, or the one of DOCKER_HOST; ``own`` are folders that no volume may show."""
        self._place = place or clients.place_of_engine()
        self._own = tuple(own)
        self._known: _Known | None = None
        self._lock = asyncio.Lock()
        self._holder = uuid.uuid4().hex
        self._held: set[str] = set()

    async def ready(self, runtime: str | None = None) -> Facts:
        """Return what the engine is; what dead workers have left is removed first. Raises ContainerError when it lacks something."""
        async with self._lock:
            if self._known is None:
                self._known = await in_thread(self._look, _THREAD)
        self._known.facts.check(runtime)
        return self._known.facts

    async def image(
        self, wanted: Wanted, tell: Tell, seconds: float, pinned: Image | None
    ) -> Image:
        """Return an image, fetched when it must be; ``pinned`` is the one that the run has begun with. Raises ContainerError."""
        loop = asyncio.get_running_loop()
        going = threading.Event()
        going.set()

        def told(line: str) -> None:
            if going.is_set():
                in_loop(loop, tell, line)

        def work() -> Image:
            client = self._connect()
            try:
                if pinned is None:
                    return resolve(client, wanted, told)
                return resolve_again(client, wanted, pinned, told)
            finally:
                client.close()

        try:
            async with asyncio.timeout(seconds):
                return await self._watched(work)
        except TimeoutError:
            message = f"the image {wanted.name} was not fetched within {seconds:g} s"
            raise ContainerError(Code.TIMEOUT, message) from None
        finally:
            going.clear()

    async def run(
        self, spec: ContainerSpec, image: Image, on_piece: OnPiece, on_spent: Callable[[float], Any]
    ) -> Ending:
        """Run a container to its end; cancelled, stop and remove it. ``on_spent`` is told its CPU seconds. Raises ContainerError."""
        known = self._known
        if known is None:
            raise RuntimeError("ready() comes first")
        loop = asyncio.get_running_loop()

        def told(stream: Stream, text: str) -> None:
            in_loop(loop, on_piece, stream, text)

        labels = replace(spec.labels, holder=self._holder)
        running = Running(
            self._connect,
            self._check,
            replace(spec, labels=labels),
            image,
            self._folders(known),
            known.pid,
            owned=not known.facts.podman,
        )
        self._held.add(running.name)
        work = asyncio.ensure_future(self._watched(lambda: running.work(told)))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await in_thread(running.stop, _THREAD)
            with suppress(ContainerError):
                await work
            raise
        finally:
            self._held.discard(running.name)
            on_spent(running.cpu_seconds)

    async def _watched(self, work: Callable[[], T]) -> T:
        """Do blocking work; when the engine is gone, look at it anew the next time."""
        try:
            return await in_thread(work, _THREAD)
        except EngineGoneError:
            self._known = None
            raise

    def _connect(self) -> Any:
        known = self._known
        return clients.connect(self._place, None if known is None else known.version)

    def _check(self) -> None:
        clients.pid_of_engine(self._place)

    def _look(self) -> _Known:
        pid = clients.pid_of_engine(self._place)
        client = clients.connect(self._place)
        try:
            facts = facts_of(client)
            if not facts.missing:
                remove_orphans(client, self._holder, frozenset(self._held))
            return _Known(facts, str(client.api_version), pid if os.geteuid() == 0 else None)
        finally:
            client.close()

    def _folders(self, known: _Known) -> tuple[str, ...]:
        socket = Path(clients.socket_of(self._place))
        return (*self._own, known.facts.root, str(socket), str(socket.resolve()))
