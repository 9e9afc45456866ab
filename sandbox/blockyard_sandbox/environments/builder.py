"""The jail in which uv works, for one interpreter: it has the package index and one folder to write in, and nothing else."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from blockyard_sandbox.answers import GuestFailure
from blockyard_sandbox.environments.errors import EnvironmentUnavailableError
from blockyard_sandbox.environments.jails import UV, builder_spec, inside, variables
from blockyard_sandbox.environments.sealing import size_of
from blockyard_sandbox.guest.script import ENVIRONMENT
from blockyard_sandbox.limits import GuestLimits
from blockyard_sandbox.sandbox import Sandbox
from blockyard_sandbox.spec import PROXY_PORT, GuestView
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from blockyard_sandbox.environments.interpreters import Interpreter
    from blockyard_sandbox.environments.store import EnvironmentStore
    from blockyard_sandbox.guests import Guest
    from blockyard_sandbox.index.gateway import IndexGateway
    from blockyard_sandbox.spec import Level

CACHE = ".cache"
"""Where uv keeps what it has fetched and unpacked: beside what it installs, so that files are linked and not copied."""

_MIB = 1024 * 1024
_LOOKS = 0.25
"""Seconds between looks at the size of what is being built: the kernel has no event for it."""

_ENVIRON = {
    "UV_NO_CONFIG": "1",
    "UV_NO_PROGRESS": "1",
    "UV_PYTHON_DOWNLOADS": "never",
    "UV_CACHE_DIR": f"{ENVIRONMENT}/{CACHE}",
    "UV_HTTP_RETRIES": "1",
    "UV_LINK_MODE": "hardlink",
    "NO_COLOR": "1",
}


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """What resolving, or building, one environment may take: seconds on the clock and of processors, and bytes on disk."""

    seconds: float = 300.0
    size_bytes: int = 1024 * _MIB


class Served(NamedTuple):
    """What serves the package indexes to jails, and how many there are."""

    gateway: IndexGateway
    indexes: int

    @property
    def options(self) -> list[str]:
        """The options of uv that name the indexes, as a jail sees them."""
        words: list[str] = []
        for number in range(self.indexes):
            option = "--default-index" if number == 0 else "--index"
            words += [option, f"http://127.0.0.1:{PROXY_PORT}/{number}/simple/"]
        return words


class Builder:
    """Guests for uv; ``seeds`` is the folder for what uv asks of an interpreter first."""

    def __init__(
        self,
        uv: str,
        level: Level,
        interpreter: Interpreter,
        store: EnvironmentStore,
        index: Served,
        seeds: Path,
    ) -> None:
        """Start nothing."""
        self._sandbox = Sandbox(builder_spec(level, interpreter, uv, store.building))
        self._store = store
        self._seed = seeds / interpreter.identity
        self._seeding = asyncio.Lock()
        self.interpreter = interpreter
        self.variables = _ENVIRON | variables(interpreter)
        self.index = index

    @asynccontextmanager
    async def guest(
        self, name: str, limits: BuildLimits, notes: list[str]
    ) -> AsyncGenerator[Guest]:
        """Give a guest that writes into a folder of ``building``, and is ended when that grows too large.

        ``notes`` gets the reasons why the index gave no answer: uv knows of the gateway alone.
        """
        await self._seeded(limits)
        guest = await self._sandbox.guest(
            _limits(limits), GuestView({ENVIRONMENT: name}, network=True)
        )
        folder = self._store.building / name
        try:
            await asyncio.to_thread(_hand_over, folder, self._seed, guest.owner)
            assert guest.listening is not None  # noqa: S101  (for type checkers: it has a network)
            await self.index.gateway.start(guest.listening, notes.append)
            watch = asyncio.ensure_future(_watch(guest, folder, limits.size_bytes))
            try:
                yield guest
            finally:
                watch.cancel()
                await self.index.gateway.stop(guest.listening)
        finally:
            await guest.close()

    async def close(self) -> None:
        """End the jail."""
        await self._sandbox.close()

    async def _seeded(self, limits: BuildLimits) -> None:
        """See that the seed is there.

        It is a cache in which uv finds what it asks of an interpreter first: asking takes longer than a small installation.
        """
        async with self._seeding:
            if self._seed.exists():
                return
            async with self._store.workspace() as name:
                view = GuestView({ENVIRONMENT: name})
                guest = await self._sandbox.guest(_limits(limits), view)
                folder = self._store.building / name
                try:
                    _hand_over(folder, None, guest.owner)
                    words = [UV, "python", "find", "--no-project", inside(self.interpreter)]
                    payload = {"words": words, "env": self.variables, "files": {}}
                    answer = await guest.call("tool", payload)
                finally:
                    await guest.close()
                if answer.error is not None or not (folder / CACHE).is_dir():
                    raise EnvironmentUnavailableError(
                        Code.SANDBOX_UNAVAILABLE,
                        f"uv does not work in its jail: {answer.error or answer.value}",
                    )
                self._seed.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                part = self._seed.with_name(f"{name}.part")
                await asyncio.to_thread(shutil.copytree, folder / CACHE, part, symlinks=True)
                keep_seed(part, self._seed)


def keep_seed(part: Path, seed: Path) -> None:
    """Give a folder that was made aside its name; it is removed when another process was first. Raises OSError."""
    try:
        part.replace(seed)
    except OSError:
        if not seed.is_dir():
            raise
        shutil.rmtree(part)


def _limits(limits: BuildLimits) -> GuestLimits:
    return GuestLimits(
        cpu_seconds=limits.seconds,
        wall_seconds=limits.seconds,
        memory_bytes=4096 * _MIB,
        processes=128,
        open_files=1024,
        file_bytes=limits.size_bytes,
        output_bytes=16 * _MIB,
        result_bytes=16 * _MIB,
        run_cpu_seconds=limits.seconds,
        scratch_bytes=256 * _MIB,
    )


def _hand_over(folder: Path, seed: Path | None, owner: int) -> None:
    """Give a folder, with a copy of the seed, to the guest that will write in it."""
    if seed is not None:
        shutil.copytree(seed, folder / CACHE, symlinks=True)
    if owner != os.geteuid():
        for _, folders, names, place in os.fwalk(folder):
            for each in (*folders, *names):
                os.chown(each, owner, owner, dir_fd=place, follow_symlinks=False)
        os.chown(folder, owner, owner)


async def check_size(folder: Path, most: int) -> None:
    """Raise EnvironmentUnavailableError when a folder takes more bytes on disk than it may."""
    if await asyncio.to_thread(size_of, folder) > most:
        message = (
            f"the environment takes more than {most // _MIB} MiB (policy environment.size_mib)"
        )
        raise EnvironmentUnavailableError(Code.FILE_SIZE_LIMIT, message)


async def _watch(guest: Guest, folder: Path, most: int) -> None:
    while True:
        await asyncio.sleep(_LOOKS)
        try:
            await check_size(folder, most)
        except EnvironmentUnavailableError as error:
            guest.kill(GuestFailure(error.code, error.message))
