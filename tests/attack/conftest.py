"""The arena and the targets, shared by all attacks."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from arena import Arena, Listener, Targets


@pytest.fixture(scope="session")
def arena() -> Iterator[Arena]:
    os.environ["BLOCKYARD_TEST_SECRET"] = "CANARY-in-the-environment"  # noqa: S105
    with asyncio.Runner() as runner:
        arena = Arena(runner)
        yield arena
        arena.close()


@pytest.fixture(scope="session")
def targets(arena: Arena, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Targets]:
    folder = tmp_path_factory.mktemp("targets")
    for place in (folder, *folder.parents):
        if place.stat().st_uid == os.getuid() and place != Path("/"):
            place.chmod(0o755 if place != Path("/tmp") else 0o1777)  # noqa: S108
    secret = folder / "secret.txt"
    secret.write_text("CANARY-in-a-file")
    listeners = [
        Listener(socket.socket()),
        *(Listener(socket.socket(socket.AF_UNIX)) for _ in range(2)),
    ]
    listeners[0].sock.bind(("127.0.0.1", 0))
    listeners[1].sock.bind(str(folder / "door"))
    (folder / "door").chmod(0o777)
    abstract = f"blockyard-attack-{os.getpid()}"
    listeners[2].sock.bind("\0" + abstract)
    for listener in listeners:
        listener.listen()
    sibling = arena.guest()
    facts = {
        "secret": str(secret),
        "secret_dir": str(folder),
        "port": listeners[0].sock.getsockname()[1],
        "unix_path": str(folder / "door"),
        "abstract": abstract,
        "server_pid": os.getpid(),
        "zygote_pid": arena.sandbox().pid,
        "sibling_pid": sibling.pid,
        "call": 1,
    }
    yield Targets(facts, listeners, folder)
    for listener in listeners:
        listener.sock.close()
    arena.runner.run(sibling.close())
