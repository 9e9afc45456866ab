"""What compose.yaml describes, brought up by compose on an engine with networks of its own."""

import ctypes
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
from engines import Engine

from .service_image import ROOT

# What would end a part of an address, if it stood in one.
PASSWORD = "p@ss:w/o?r#d%20 $x'"  # noqa: S105  (made up)
_SECONDS = 300
_NEW_NETWORK = 0x40000000


@dataclass(frozen=True)
class Project:
    """The project ``name`` of compose.yaml, with images that the engine has."""

    engine: Engine
    blockyard: str
    postgres: str
    name: str = "tests"

    def compose(
        self, *arguments: str, password: str | None = PASSWORD
    ) -> subprocess.CompletedProcess[str]:
        """Run compose where compose.yaml lies; without a password its variable is not set."""
        given = {} if password is None else {"POSTGRES_PASSWORD": password}
        return subprocess.run(
            ["docker-compose", "--ansi", "never", "--project-name", self.name, *arguments],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "DOCKER_HOST": self.engine.url,
                "BLOCKYARD_IMAGE": self.blockyard,
                "POSTGRES_IMAGE": self.postgres,
                **given,
            },
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=_SECONDS,
        )

    def done(self, *arguments: str) -> str:
        """Return what compose said, which went well."""
        found = self.compose(*arguments)
        assert found.returncode == 0, found.stderr
        return found.stdout

    def run(
        self, *arguments: str, entrypoint: str = "blockyard"
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in a container of its own, as the server's is."""
        options = ("run", "-T", "--rm", "--no-deps", "--entrypoint", entrypoint)
        return self.compose(*options, "server", *arguments)

    def up(self) -> None:
        self.done("up", "-d", "--no-build")

    def containers(self, service: str) -> list[Any]:
        """Return what the engine knows of a service's containers, those that have ended among them."""
        labels = (
            f"com.docker.compose.{it}" for it in (f"project={self.name}", f"service={service}")
        )
        client = self.engine.client
        found = client.containers(all=True, filters={"label": list(labels)})
        return [client.inspect_container(each["Id"]) for each in found]

    def said(self, service: str) -> str:
        return self.done("logs", "--no-color", service)

    def remove(self) -> None:
        self.done("down", "--volumes", "--timeout", "0")

    def api(self, token: str) -> httpx.Client:
        """Return a client of the port that compose.yaml publishes on loopback, which is the engine's."""
        return httpx.Client(
            base_url="http://127.0.0.1:8080",
            headers={"Authorization": f"Bearer {token}"},
            timeout=120,
            transport=Door(self.engine.process.pid),
        )


class Door(httpx.BaseTransport):
    """Sends requests from within the network namespace of a process: by a thread that has gone there."""

    def __init__(self, process: int) -> None:
        self._thread = ThreadPoolExecutor(1, initializer=_enter, initargs=(process,))
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._thread.submit(self._inner.handle_request, request).result()

    def close(self) -> None:
        self._inner.close()
        self._thread.shutdown()


def _enter(process: int) -> None:
    with open(f"/proc/{process}/ns/net") as place:
        if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), _NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "the network namespace cannot be entered")
