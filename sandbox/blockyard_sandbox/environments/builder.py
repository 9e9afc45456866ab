"""uv at work, inside a jail that has the package index and nothing else: it resolves to locks, and it installs from them."""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from blockyard_sandbox.answers import GuestFailure
from blockyard_sandbox.environments.errors import EnvironmentUnavailableError
from blockyard_sandbox.environments.jails import UV, builder_spec
from blockyard_sandbox.environments.locks import read_lock
from blockyard_sandbox.environments.sealing import size_of
from blockyard_sandbox.guest.script import ENVIRONMENT
from blockyard_sandbox.limits import GuestLimits
from blockyard_sandbox.sandbox import Sandbox
from blockyard_sandbox.spec import PROXY_PORT, GuestView
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from blockyard_sandbox.environments.interpreters import Interpreter
    from blockyard_sandbox.environments.locks import Lock, Wanted
    from blockyard_sandbox.guests import Guest
    from blockyard_sandbox.index.gateway import IndexGateway
    from blockyard_sandbox.spec import Level

    Tell = Callable[[str], None]

_INPUT, _CONSTRAINTS, _LOCK = "/scratch/wanted.in", "/scratch/constraints.txt", "/scratch/lock.txt"
_MIB = 1024 * 1024
_LOOKS = 0.25
"""Seconds between looks at the size of what is being built: the kernel has no event for it."""

_DRAWN = dict.fromkeys(map(ord, "\u00d7\u2570\u2500\u25b6\u2502\u251c"))
"""What uv draws around its messages."""

_ENVIRONMENT = {
    "UV_NO_CONFIG": "1",
    "UV_NO_PROGRESS": "1",
    "UV_PYTHON_DOWNLOADS": "never",
    "UV_CACHE_DIR": f"{ENVIRONMENT}/.cache",
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


class Builder:
    """uv for one interpreter; ``building`` is the folder in which environments are made."""

    def __init__(
        self,
        uv: str,
        level: Level,
        interpreter: Interpreter,
        building: Path,
        index: Served,
    ) -> None:
        """Start nothing."""
        self._sandbox = Sandbox(builder_spec(level, interpreter, uv, building))
        self._python = interpreter.path
        self._building = building
        self._index = index
        self._seed: Path | None = None
        self._seeding = asyncio.Lock()

    async def resolve(self, wanted: Wanted, limits: BuildLimits, tell: Tell) -> Lock:
        """Return the lock of what is wanted. Raises EnvironmentUnavailableError with uv's own words, SandboxUnavailableError."""
        name = f"resolve-{uuid.uuid4().hex}"
        folder = self._building / name
        folder.mkdir(mode=0o755)
        words = [UV, "pip", "compile", "--python", self._python, "--generate-hashes"]
        words += ["--no-header", "--no-annotate", "--no-emit-index-url"]
        words += [*self._sources(wanted), _INPUT]
        files = {_INPUT: "\n".join(wanted.requirements)}
        if wanted.constraints:
            words += ["--constraint", _CONSTRAINTS]
            files[_CONSTRAINTS] = "\n".join(wanted.constraints)
        try:
            async with self._guest(name, limits) as guest:
                answer = await self._uv(guest, words, files, tell)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return read_lock(answer["stdout"])

    async def install(
        self, name: str, lock: Lock, wanted: Wanted, limits: BuildLimits, tell: Tell
    ) -> str:
        """Make the environment of a lock in the folder ``name``; return its log. Raises as :meth:`resolve` does."""
        told: list[str] = []

        def both(line: str) -> None:
            told.append(line)
            tell(line)

        async with self._guest(name, limits) as guest:
            words = [UV, "venv", "--allow-existing", "--python", self._python, ENVIRONMENT]
            await self._uv(guest, words, {}, lambda _: None)
            if lock.releases:
                words = [UV, "pip", "sync", "--python", f"{ENVIRONMENT}/bin/python"]
                words += ["--require-hashes", "--compile-bytecode", *self._sources(wanted), _LOCK]
                await self._uv(guest, words, {_LOCK: lock.text}, both)
        await asyncio.to_thread(shutil.rmtree, self._building / name / ".cache", ignore_errors=True)
        return "\n".join(told)

    async def close(self) -> None:
        """End the jail."""
        await self._sandbox.close()

    def _sources(self, wanted: Wanted) -> list[str]:
        words: list[str] = []
        for number in range(self._index.indexes):
            option = "--default-index" if number == 0 else "--index"
            words += [option, f"http://127.0.0.1:{PROXY_PORT}/{number}/simple/"]
        if wanted.wheels_only:
            words += ["--only-binary", ":all:"]
        if wanted.minimum_age:
            newest = datetime.now(UTC) - timedelta(days=wanted.minimum_age)
            words += ["--exclude-newer", newest.strftime("%Y-%m-%dT%H:%M:%SZ")]
        return words

    @asynccontextmanager
    async def _guest(self, name: str, limits: BuildLimits) -> AsyncGenerator[Guest]:
        """Give a guest that has a folder of ``building`` to write in, and the index; it is watched for the folder's size.

        A failure is told with why the index gave no answer: uv knows of the gateway alone.
        """
        notes: list[str] = []
        folder = self._building / name
        seed = await self._seeded(limits)
        guest = await self._sandbox.guest(
            _limits(limits), GuestView({ENVIRONMENT: name}, network=True)
        )
        try:
            await asyncio.to_thread(_hand_over, folder, seed, guest.owner)
            assert guest.listening is not None  # noqa: S101  (for type checkers: it has a network)
            await self._index.gateway.start(guest.listening, notes.append)
            watch = asyncio.ensure_future(_watch(guest, folder, limits.size_bytes))
            try:
                yield guest
            except EnvironmentUnavailableError as error:
                raise _explained(error, notes) from error
            finally:
                watch.cancel()
                await self._index.gateway.stop(guest.listening)
        finally:
            await guest.close()

    async def _seeded(self, limits: BuildLimits) -> Path:
        """Return a cache in which uv finds what it asks of an interpreter first: that takes it longer than a small installation."""
        async with self._seeding:
            if self._seed is None:
                name = f"seed-{uuid.uuid4().hex}"
                folder = self._building / name
                folder.mkdir(mode=0o755)
                guest = await self._sandbox.guest(_limits(limits), GuestView({ENVIRONMENT: name}))
                try:
                    _hand_over(folder, None, guest.owner)
                    words = [UV, "python", "find", "--no-project", self._python]
                    await self._uv(guest, words, {}, lambda _: None)
                finally:
                    await guest.close()
                self._seed = folder / ".cache"
            return self._seed

    async def _uv(
        self, guest: Guest, words: list[str], files: dict[str, str], tell: Tell
    ) -> dict[str, Any]:
        payload = {"words": words, "env": _ENVIRONMENT, "files": files}
        answer = await guest.call("tool", payload)
        if answer.error is not None:
            raise EnvironmentUnavailableError(
                answer.error.code, f"the environment could not be built: {answer.error.message}"
            )
        ended: dict[str, Any] = answer.value
        for line in ended["stderr"].splitlines():
            tell(line)
        if ended["return_code"] != 0:
            raise _failure(ended)
        return ended


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
        shutil.copytree(seed, folder / ".cache", symlinks=True)
    if owner != os.geteuid():
        for _, folders, names, place in os.fwalk(folder):
            for each in (*folders, *names):
                os.chown(each, owner, owner, dir_fd=place, follow_symlinks=False)
        os.chown(folder, owner, owner)


async def _watch(guest: Guest, folder: Path, most: int) -> None:
    while True:
        await asyncio.sleep(_LOOKS)
        if await asyncio.to_thread(size_of, folder) > most:
            message = (
                f"the environment takes more than {most // _MIB} MiB (policy environment.size_mib)"
            )
            guest.kill(GuestFailure(Code.FILE_SIZE_LIMIT, message))


def _explained(error: EnvironmentUnavailableError, notes: list[str]) -> EnvironmentUnavailableError:
    if not notes:
        return error
    return EnvironmentUnavailableError(
        Code.SANDBOX_UNAVAILABLE, f"the packages cannot be had: {'; '.join(notes[-3:])}"
    )


def _failure(ended: dict[str, Any]) -> EnvironmentUnavailableError:
    """Return what uv said as a failure: an index that does not answer may do so later."""
    words = " ".join(ended["stderr"].translate(_DRAWN).split())
    for sign in ("error: ", "No solution found"):
        start = words.find(sign)
        if start >= 0:
            words = words[start:].removeprefix("error: ")
            break
    unreachable = "Failed to fetch" in words or "error sending request" in words
    code = Code.SANDBOX_UNAVAILABLE if unreachable else Code.INVALID_ARGUMENT
    return EnvironmentUnavailableError(code, f"the packages cannot be had: {words[:1500]}")
