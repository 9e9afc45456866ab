"""Environments on disk: built aside, sealed, put in their place at once, shared, and removed when they are not used any more.

``environments/NAME`` is one that is whole, ``building`` holds those that are being made, ``facts/NAME.json`` says how large it is and
bears the time of its last use, ``locks/NAME`` is locked by who builds or uses it. A name tells the whole content.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import uuid
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from blockyard_sandbox.environments.sealing import remove, seal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    Make = Callable[[], Awaitable["Built"]]

_MOMENT = 0.01
"""Seconds between two looks at an environment that another holds."""


class Built(NamedTuple):
    """An environment that was made in a folder of ``building``, and what was printed meanwhile."""

    folder: Path
    log: str


class EnvironmentStore:
    """The environments of one folder; any number of processes may use it."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """Make nothing yet. ``most_bytes`` is what environments that nobody uses are cut down to."""
        self.environments = folder / "environments"
        self.building = folder / "building"
        self._facts = folder / "facts"
        self._locks = folder / "locks"
        self._most_bytes = most_bytes
        self._making: dict[str, asyncio.Task[None]] = {}
        self._tidying: set[asyncio.Future[None]] = set()

    def prepare(self) -> None:
        """Make the folders, and remove what killed builders have left. Raises OSError."""
        for folder in (self.environments, self.building, self._facts, self._locks):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        for left in self.building.iterdir():
            with self._locked(left.stem, fcntl.LOCK_EX) as held:
                if held:
                    remove(left)

    async def close(self) -> None:
        """Give up what is being made, and see to the end that what was made is on disk."""
        for making in list(self._making.values()):
            making.cancel()
        await asyncio.gather(*self._making.values(), *self._tidying, return_exceptions=True)

    @asynccontextmanager
    async def use(self, name: str, make: Make) -> AsyncGenerator[None]:
        """Have the environment of a name, made when there is none, for the time of the context: it is not removed meanwhile.

        Who asks for one that is being made waits for it; a failure is told to all of them. Raises what ``make`` raises.
        """
        while True:
            if not self._whole(name):
                await self._made(name, make)
            with self._locked(name, fcntl.LOCK_SH) as held:
                if held and self._whole(name):
                    os.utime(self._facts / f"{name}.json")
                    yield
                    return
            await asyncio.sleep(_MOMENT)  # another is about to make or remove it

    @asynccontextmanager
    async def workspace(self) -> AsyncGenerator[str]:
        """Give the name of a new folder in ``building``; at the end it is removed, unless it has become an environment."""
        name = uuid.uuid4().hex
        async with self._alone(name):
            folder = self.building / name
            folder.mkdir(mode=0o755)
            try:
                yield name
            finally:
                await asyncio.to_thread(remove, folder)
                (self._locks / name).unlink()

    def log(self, name: str) -> str:
        """Return what was printed when an environment was made."""
        return str(self._read(name).get("log", ""))

    async def _made(self, name: str, make: Make) -> None:
        making = self._making.get(name)
        if making is None:
            making = asyncio.ensure_future(self._make(name, make))
            self._making[name] = making
            making.add_done_callback(partial(self._forget, name))
        await asyncio.shield(making)

    def _forget(self, name: str, making: asyncio.Task[None]) -> None:
        del self._making[name]
        if not making.cancelled():
            making.exception()  # it is told to whoever waits, if anybody still does

    async def _make(self, name: str, make: Make) -> None:
        async with self._alone(name):
            if self._whole(name):
                return
            await asyncio.to_thread(remove, self.environments / name)
            folder, log = await make()
            size = await asyncio.to_thread(seal, folder)
            self._write(name, {"size": size, "log": log, "boot": _boot()})
            folder.rename(self.environments / name)
        tidying = asyncio.ensure_future(asyncio.to_thread(self._tidy, name))
        self._tidying.add(tidying)
        tidying.add_done_callback(self._tidying.discard)

    @asynccontextmanager
    async def _alone(self, name: str) -> AsyncGenerator[None]:
        """Hold the lock of a name against all other processes, waiting for it aside."""
        holding = asyncio.ensure_future(asyncio.to_thread(_hold, self._locks / name))
        try:
            place = await asyncio.shield(holding)
        except asyncio.CancelledError:
            holding.add_done_callback(_let_go)
            raise
        try:
            yield
        finally:
            os.close(place)

    @contextmanager
    def _locked(self, name: str, kind: int) -> Generator[bool]:
        """Try to hold the lock of a name; gives whether it is held."""
        place = os.open(self._locks / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(place, kind | fcntl.LOCK_NB)
            held = True
        except BlockingIOError:
            held = False
        try:
            yield held
        finally:
            os.close(place)

    def _whole(self, name: str) -> bool:
        """Whether there is an environment that can be used: one that was made before the machine went down may lack what was not yet on disk."""
        return (self.environments / name).is_dir() and self._read(name).get("boot") in (
            _boot(),
            "on disk",
        )

    def _tidy(self, fresh: str) -> None:
        """See that a new environment is on disk; then remove the least recently used ones beyond the bound."""
        place = os.open(self.environments / fresh, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(place)
        finally:
            os.close(place)
        os.sync()
        self._write(fresh, self._read(fresh) | {"boot": "on disk"})
        found = sorted(self._facts.glob("*.json"), key=_last_used, reverse=True)
        total = 0
        for facts in found:
            size = self._read(facts.stem).get("size")
            total += size if isinstance(size, int) else 0
            if total > self._most_bytes and facts.stem != fresh:
                self._discard(facts.stem)

    def _discard(self, name: str) -> None:
        with self._locked(name, fcntl.LOCK_EX) as held:
            if not held:
                return
            with suppress(FileNotFoundError):
                (self.environments / name).rename(self.building / f"{name}.old")
            (self._facts / f"{name}.json").unlink(missing_ok=True)
            remove(self.building / f"{name}.old")

    def _read(self, name: str) -> dict[str, object]:
        try:
            facts: dict[str, object] = json.loads((self._facts / f"{name}.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return facts

    def _write(self, name: str, facts: dict[str, object]) -> None:
        whole = self._facts / f"{name}.json"
        part = whole.with_suffix(".part")
        part.write_text(json.dumps(facts))
        part.replace(whole)


def _hold(lock: Path) -> int:
    """Wait for a lock, and return the descriptor that holds it: it is this thread's own until then, whoever gives up waiting."""
    place = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(place, fcntl.LOCK_EX)
    return place


def _let_go(holding: asyncio.Future[int]) -> None:
    if not holding.cancelled() and holding.exception() is None:
        os.close(holding.result())


def _last_used(facts: Path) -> float:
    """Return when an environment was last used; one that another process has removed meanwhile was never."""
    try:
        return facts.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
