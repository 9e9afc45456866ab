"""One container from its creation to its removal: blocking, in a thread of its own, stopped from any other."""

from __future__ import annotations

import codecs
import threading
import uuid
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from blockyard_sandbox.containers.client import is_going, plain_errors
from blockyard_sandbox.containers.errors import ContainerError
from blockyard_sandbox.containers.metering import Meter, lived_of, read_seconds
from blockyard_sandbox.containers.options import container_options, host_options
from blockyard_sandbox.containers.owner import PREFIX
from blockyard_sandbox.containers.spec import Ending
from blockyard_sandbox.containers.staging import staged
from blockyard_sandbox.containers.starving import KILLED, Kills
from blockyard_sandbox.containers.stream import Attachment
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blockyard_sandbox.containers.spec import ContainerSpec, Image
    from blockyard_sandbox.containers.stream import Stream

    OnPiece = Callable[[Stream, str], None]


class Running:
    """One container. ``work`` runs it; ``stop`` ends it, whenever it is called."""

    def __init__(
        self,
        connect: Callable[[], Any],
        check: Callable[[], Any],
        spec: ContainerSpec,
        image: Image,
        own: Sequence[str],
        engine_pid: int | None,
        *,
        owned: bool = True,
    ) -> None:
        """Prepare; nothing is asked of the engine yet. ``check`` raises EngineGoneError when it does not answer."""
        self.name = f"{PREFIX}{uuid.uuid4().hex}"
        self._owned = owned
        self._connect = connect
        self._check = check
        self._spec = spec
        self._image = image
        self._own = own
        self._engine_pid = engine_pid
        self._stopped = threading.Event()
        self._output = Output(spec.output_bytes)
        self._meter = Meter(partial(read_seconds, connect, self.name), spec.cpus)

    def work(self, on_piece: OnPiece) -> Ending:
        """Run the container to its end, and remove it. Raises ContainerError."""
        client = self._connect()
        try:
            with staged(self._spec, self.name, self._own, self._engine_pid) as mounts:
                with plain_errors("the container cannot be made", Code.INVALID_ARGUMENT):
                    self._create(client, mounts)
                try:
                    return self._run(client, on_piece)
                finally:
                    with suppress(ContainerError):
                        self._remove(client)
        finally:
            client.close()

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of the container, once ``work`` has ended."""
        return self._meter.end()

    def stop(self) -> None:
        """End the container and remove it, in whatever state it is; what waits for it then comes to its end."""
        self._stopped.set()
        with suppress(ContainerError):
            client = self._connect()
            try:
                self._remove(client)
            finally:
                client.close()

    def _create(self, client: Any, mounts: list[tuple[str, str, bool]]) -> None:
        host = client.create_host_config(
            **host_options(self._spec, mounts, self._image, owned=self._owned)
        )
        client.create_container(name=self.name, host_config=host, **container_options(self._spec))

    def _run(self, client: Any, on_piece: OnPiece) -> Ending:
        with plain_errors("the container cannot be started", Code.INVALID_ARGUMENT):
            printed = Attachment(client, self.name)
        try:
            with plain_errors("the container cannot be started", Code.INVALID_ARGUMENT):
                if self._stopped.is_set():
                    raise ContainerError(Code.KILLED_MANUALLY, "stopped before it began")
                self._meter.begin()
                kills = Kills()
                client.start(self.name)
            with plain_errors("the container"):
                for stream, data in printed.frames():
                    if not self._output.take(stream, data, on_piece):
                        break
                self._output.end(on_piece)
                return self._ending(client, kills)
        finally:
            printed.close()

    def _ending(self, client: Any, kills: Kills) -> Ending:
        if self._output.full:  # its removal ends it
            return self._ended(KILLED, Code.OUTPUT_LIMIT)
        self._check()
        client.wait(self.name, timeout=None)
        state: dict[str, Any] = client.inspect_container(self.name)["State"]
        self._meter.end(lived_of(state))
        limit = Code.MEMORY_LIMIT if kills.starved(state) else None
        return self._ended(int(state["ExitCode"]), limit)

    def _ended(self, code: int, limit: Code | None) -> Ending:
        return Ending(code, self._output.stdout, self._output.stderr, limit)

    def _remove(self, client: Any) -> None:
        with plain_errors("the container cannot be removed"):
            self._check()
            try:
                client.remove_container(self.name, v=True, force=True)
            except Exception as error:
                if not is_going(error):
                    raise


class Output:
    """What a container has printed, up to a bound on both streams together."""

    def __init__(self, most: int) -> None:
        """Begin empty."""
        self.full = False
        self._left = most
        self._texts: dict[Stream, list[str]] = {"stdout": [], "stderr": []}
        self._decoders: dict[Stream, codecs.IncrementalDecoder] = {
            name: codecs.getincrementaldecoder("utf-8")("replace") for name in self._texts
        }

    def take(self, name: Stream, piece: bytes, on_piece: OnPiece) -> bool:
        """Take a piece of a stream and hand it on as text; return False when there is too much."""
        kept = piece[: self._left]
        self._left -= len(kept)
        self.full = len(kept) < len(piece)
        self._give(name, self._decoders[name].decode(kept), on_piece)
        return not self.full

    def end(self, on_piece: OnPiece) -> None:
        """Hand on what was half a character."""
        for name, decoder in self._decoders.items():
            self._give(name, decoder.decode(b"", final=True), on_piece)

    @property
    def stdout(self) -> str:
        """All of standard output."""
        return "".join(self._texts["stdout"])

    @property
    def stderr(self) -> str:
        """All of standard error."""
        return "".join(self._texts["stderr"])

    def _give(self, name: Stream, text: str, on_piece: OnPiece) -> None:
        if text:
            self._texts[name].append(text)
            on_piece(name, text)
