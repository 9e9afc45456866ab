"""What goes wrong, on purpose: one thing after another, in an order by chance, and each is over before the soak ends."""

import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import sqlalchemy as sa

from .processes import Fleet, Member
from .takeover import Takeovers

STOPPED_SECONDS = 8.0
"""Longer than a lease."""
_PATIENT = 0.75
"""How often a fault waits until the server answers: one after the other at once, it would never start on a busy machine."""


@dataclass
class Faults:
    """Injects faults until it is told to end. ``disk`` is a small disk that can be filled, ``clock`` the file of a clock that can jump; ``only`` are the kinds wanted, all when it is empty."""

    fleet: Fleet
    engine: sa.Engine
    takeovers: Takeovers
    every: float
    chance: random.Random
    disk: Path | None = None
    clock: Path | None = None
    restart: Callable[[], None] | None = None
    only: Collection[str] = ()
    counts: Counter[str] = field(default_factory=Counter[str])
    broken: list[BaseException] = field(default_factory=list[BaseException])
    _ending: Event = field(default_factory=Event)

    def start(self) -> None:
        self._thread = Thread(target=self._serve, args=(self.kinds(),))
        self._thread.start()

    def end(self) -> None:
        self._ending.set()
        self._thread.join()
        if self.broken:
            raise self.broken[0]

    def kinds(self) -> dict[str, Callable[[], bool]]:
        """Return what can be done here."""
        found: dict[str, Callable[[], bool]] = {
            "server killed": self._kill_server,
            "zygote killed": self._kill_zygote,
        }
        if self.fleet.workers():
            found |= {"worker killed": self._kill_worker, "worker stopped": self._stop_worker}
            found |= {"connections ended": self._end_connections}
        else:
            found |= {"server stopped": self._stop_server}
        if self.restart is not None:
            found["database killed"] = self._restart
        if self.disk is not None:
            found["disk full"] = self._fill_disk
        if self.clock is not None:
            found["clock jumped"] = self._jump
        if unknown := set(self.only) - found.keys():
            raise ValueError(f"there are no faults {sorted(unknown)} here, but {sorted(found)}")
        return {name: it for name, it in found.items() if not self.only or name in self.only}

    def _serve(self, kinds: dict[str, Callable[[], bool]]) -> None:
        deck: list[str] = []
        try:
            while not self._ending.wait(self.chance.uniform(0.5, 1.5) * self.every):
                if self.chance.random() < _PATIENT:
                    self.fleet.wait_until_ready(600)
                if not deck:  # each once, then each once more, always in another order
                    deck = self.chance.sample(sorted(kinds), len(kinds))
                name = deck.pop()
                if kinds[name]():
                    self.counts[name] += 1
        except BaseException as error:
            self.broken.append(error)
            raise

    def _kill_server(self) -> bool:
        return self._kill(self.fleet.server())

    def _kill_worker(self) -> bool:
        return self._kill(self.chance.choice(self.fleet.workers()))

    def _kill(self, member: Member) -> bool:
        held = self.takeovers.held(member.pids[-1])
        if not member.send(signal.SIGKILL):
            return False
        self.takeovers.watch(held)
        return True

    def _stop_worker(self) -> bool:
        return self._stop(self.chance.choice(self.fleet.workers()))

    def _stop_server(self) -> bool:
        return self._stop(self.fleet.server())

    def _stop(self, member: Member) -> bool:
        if not member.send(signal.SIGSTOP):
            return False
        back = Event()
        if self.fleet.workers():
            self.takeovers.watch(self.takeovers.held(member.pids[-1]), back)
        self._ending.wait(STOPPED_SECONDS)
        back.set()
        return member.send(signal.SIGCONT)

    def _kill_zygote(self) -> bool:
        members = self.fleet.workers() or [self.fleet.server()]
        zygotes = [pid for member in members for pid in member.zygotes()]
        if not zygotes:
            return False
        try:
            os.kill(self.chance.choice(zygotes), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def _end_connections(self) -> bool:
        others = "pid <> pg_backend_pid() AND datname = current_database()"
        statement = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {others}"  # noqa: S608
        with self.engine.begin() as connection:
            return bool(connection.scalar(sa.text(statement)))

    def _restart(self) -> bool:
        assert self.restart is not None
        self.restart()
        return True

    def _fill_disk(self) -> bool:
        assert self.disk is not None
        filler = self.disk / "filler"
        descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            for size in (65_536, 512):
                try:
                    while True:
                        os.write(descriptor, bytes(size))
                except OSError:
                    pass
            self._ending.wait(2)
        finally:
            os.close(descriptor)
            filler.unlink()
        return True

    def _jump(self) -> bool:
        """Put the clock of one process forward or back, by up to a day, and then right again."""
        assert self.clock is not None
        seconds = self.chance.choice([-86_400, -3_600, -30, 30, 3_600, 86_400])
        self.clock.write_text(f"{seconds:+d}\n")
        self._ending.wait(3)
        self.clock.write_text("+0\n")
        return True
