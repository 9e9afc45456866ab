"""What a container prints, as the engine hands it over: frames of either stream on one connection."""

from __future__ import annotations

import socket
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    Stream = Literal["stdout", "stderr"]

_STDERR = 2


class Attachment:
    """A connection to what a container prints, made before the container starts, so that nothing is lost."""

    def __init__(self, client: Any, name: str) -> None:
        """Connect; raises what the SDK raises."""
        self._file: Any = client.attach_socket(name, {"stdout": 1, "stderr": 1, "stream": 1})

    def frames(self) -> Iterator[tuple[Stream, bytes]]:
        """Yield pieces of either stream, in order, until the container has closed both."""
        frames_iter: Any = import_module("docker.utils.socket").frames_iter
        for number, data in frames_iter(self._file, tty=False):
            yield ("stderr" if number == _STDERR else "stdout"), data

    def close(self) -> None:
        """Let go of the connection, also when the engine has: the SDK alone would leave it open then."""
        connection: socket.socket | None = getattr(self._file, "_sock", None)
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        each: Any
        for each in (getattr(self._file, "_response", None), self._file):
            with suppress(AttributeError, OSError, ValueError):
                each.close()
