"""What the doctor asks a guest: to look around itself, and say what it can reach."""

import os
import socket
from collections.abc import Callable
from typing import Any

_HOST = ("/bin", "/dev", "/etc", "/home", "/proc", "/root", "/sys", "/tmp", "/usr", "/var")  # noqa: S108


def make(config: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return the operation ``probe``; an extension of the doctor's own sandbox, and of no other."""

    def probe(payload: dict[str, Any]) -> dict[str, Any]:
        return {
            "environment": sorted(set(os.environ) - {"LC_CTYPE"}),  # set by the interpreter itself
            "host": [name for name in _HOST if os.path.exists(name)],
            "pid": os.getpid(),
            "descriptors": [number for number in range(256) if _open(number)],
            "socket": _try_socket(),
        }

    return probe


def _open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _try_socket() -> str:
    try:
        socket.socket().close()
    except OSError as error:
        return os.strerror(error.errno or 0)
    return "opened"
