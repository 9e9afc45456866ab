"""The docker SDK, loaded when a container is first needed, and its errors in words of ours."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from blockyard_sandbox.containers.errors import ContainerError, EngineGoneError
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Generator

DEFAULT = "unix:///var/run/docker.sock"
_LEAST = "1.40"
"""The oldest interface of an engine that has every option that we need (Docker 19.03)."""


def place_of_engine() -> str:
    """Return where the engine is: the platform's DOCKER_HOST, else the usual socket."""
    return os.environ.get("DOCKER_HOST") or DEFAULT


def socket_of(place: str) -> str:
    """Return the path of an engine's socket. Raises ContainerError for an engine on another machine."""
    scheme, _, path = place.partition("://")
    if scheme != "unix" or not path.startswith("/"):
        raise ContainerError(
            Code.SANDBOX_UNAVAILABLE,
            f"the engine at {place[:80]} is not on this machine: set DOCKER_HOST to unix:///path/of/its.sock",
            final=True,
        )
    return path


def connect(place: str, version: str | None = None) -> Any:
    """Return a client of the engine; without a version the newest that both know. Raises ContainerError."""
    pid_of_engine(place)  # the SDK leaves a socket open when nobody answers
    docker: Any = import_module("docker")
    with plain_errors("the engine"):
        if version is None:
            version = _negotiated(docker, place)
        return docker.APIClient(base_url=place, version=version, timeout=60)


def _negotiated(docker: Any, place: str) -> str:
    """Return the newest version that the engine and the SDK both speak."""
    client = docker.APIClient(base_url=place, version=_LEAST, timeout=60)
    try:
        told = str(client.version(api_version=False)["ApiVersion"])
    finally:
        client.close()
    if _number(told) < _number(_LEAST):
        message = f"the engine at {place} speaks version {told}, and {_LEAST} is needed"
        raise ContainerError(Code.SANDBOX_UNAVAILABLE, message, final=True)
    newest: str = docker.constants.DEFAULT_DOCKER_API_VERSION
    return min(told, newest, key=_number)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@contextmanager
def plain_errors(what: str, code: Code = Code.UNHANDLED_EXCEPTION) -> Generator[None]:
    """Raise ContainerError for what the SDK raises: SANDBOX_UNAVAILABLE when the engine is gone, else ``code`` and what it said."""
    docker: Any = import_module("docker.errors")
    requests: Any = import_module("requests.exceptions")
    urllib3: Any = import_module("urllib3.exceptions")
    try:
        yield
    except docker.APIError as error:
        raise ContainerError(code, f"{what}: {said(error)}") from error
    except (docker.DockerException, requests.RequestException, urllib3.HTTPError, OSError) as error:
        raise EngineGoneError(
            f"the container engine does not answer ({reason(error)}); `blockyard doctor` tells what is there"
        ) from error


def said(error: Any) -> str:
    """Return what the engine said, on one line."""
    text = error.explanation or str(error)
    text = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return " ".join(text.split())[:500]


def reason(error: BaseException) -> str:
    """Return the innermost reason of a failed connection."""
    inner: BaseException = error
    while (before := inner.__cause__ or inner.__context__) is not None:
        inner = before
    return (getattr(inner, "strerror", None) or type(inner).__name__)[:200]


def is_missing(error: BaseException) -> bool:
    """Whether the engine said that there is no such thing."""
    docker: Any = import_module("docker.errors")
    return isinstance(error, docker.NotFound)


def is_going(error: BaseException) -> bool:
    """Whether the engine said that there is no such container, or that somebody removes it already."""
    return is_missing(error) or "already in progress" in str(error)


def pid_of_engine(place: str) -> int | None:
    """Return the process that serves the engine's socket; ``None`` when it is of another pid namespace."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(socket_of(place))
        except OSError as error:
            raise EngineGoneError(
                f"the container engine does not answer ({error.strerror}); `blockyard doctor` tells what is there"
            ) from error
        size = struct.calcsize("3i")
        pid = struct.unpack(
            "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        )[0]
        return pid or None
