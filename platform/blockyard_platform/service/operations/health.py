"""Health by part: named checks, looked at side by side, each within a deadline."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING, Any

from blockyard_platform.service.operations.redaction import redacted_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class State(StrEnum):
    """How a part stands. With ``degraded`` the service does its work, but not all of it, or not for long."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found, in words for an operator."""

    state: State
    words: str


@dataclass(frozen=True, slots=True)
class Check:
    """How a part is looked at. ``look`` may block, and may raise: then the part has failed.

    What it found stands for ``keep`` seconds, so that whoever asks often costs nothing; a failure for at most a second.
    """

    name: str
    look: Callable[[], Finding]
    seconds: float = 3.0
    keep: float = 2.0


@dataclass(frozen=True, slots=True)
class Part:
    """A part as it stood ``age`` seconds ago, and how long it took to find out."""

    name: str
    state: State
    words: str
    seconds: float
    age: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "name": self.name,
            "state": self.state.value,
            "words": self.words,
            "seconds": round(self.seconds, 4),
            "age": round(self.age, 1),
        }


@dataclass(frozen=True, slots=True)
class Health:
    """All parts. The whole is as good as its worst part; it is ``ready`` unless one has failed."""

    parts: tuple[Part, ...]

    @property
    def state(self) -> State:
        """How the whole stands."""
        found = {part.state for part in self.parts}
        return next((it for it in (State.FAILED, State.DEGRADED) if it in found), State.OK)

    @property
    def ready(self) -> bool:
        """Whether requests and runs should come here."""
        return self.state is not State.FAILED

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, as ``/health/ready`` answers."""
        return {"state": self.state.value, "parts": [part.as_dict() for part in self.parts]}


_BRIEFLY = 1.0
"""Seconds for which a failure stands."""


class Examiner:
    """Looks at parts. A look that hangs is not begun a second time: there is at most one thread a check."""

    def __init__(self, checks: Iterable[Check], clock: Callable[[], float] = monotonic) -> None:
        """Have looked at nothing yet."""
        self._watched = tuple(_Watched(check, clock) for check in checks)

    async def look(self) -> Health:
        """Look at all parts side by side; this takes no longer than the longest deadline, whatever hangs."""
        return Health(tuple(await asyncio.gather(*(each.part() for each in self._watched))))


class _Watched:
    """A check, with what it found last."""

    def __init__(self, check: Check, clock: Callable[[], float]) -> None:
        self._check = check
        self._clock = clock
        self._begun = 0.0
        self._looking: asyncio.Future[Part] | None = None
        self._found: tuple[Part, float] | None = None

    async def part(self) -> Part:
        check = self._check
        if self._found is not None:
            part, at = self._found
            age = self._clock() - at
            if age < (check.keep if part.state is not State.FAILED else min(check.keep, _BRIEFLY)):
                return Part(part.name, part.state, part.words, part.seconds, age)
        looking = self._begin()
        try:
            return await asyncio.wait_for(asyncio.shield(looking), check.seconds)
        except TimeoutError:
            waited = self._clock() - self._begun
            words = f"no answer after {waited:.1f} s"
            return Part(check.name, State.FAILED, words, waited)

    def _begin(self) -> asyncio.Future[Part]:
        """Begin to look in a thread of its own, unless one is looking; the interpreter's end does not wait for it."""
        loop = asyncio.get_running_loop()
        if self._looking is not None and self._looking.get_loop() is loop:
            return self._looking
        self._begun = self._clock()
        looking = self._looking = loop.create_future()

        def work() -> None:
            part = self._look()
            try:
                loop.call_soon_threadsafe(self._end, looking, part)
            except RuntimeError:
                return  # The loop has ended meanwhile: nobody waits any more.

        threading.Thread(target=work, name=f"health {self._check.name}", daemon=True).start()
        return looking

    def _end(self, looking: asyncio.Future[Part], part: Part) -> None:
        self._found = part, self._clock()
        self._looking = None
        if not looking.done():
            looking.set_result(part)

    def _look(self) -> Part:
        begun = self._clock()
        try:
            found = self._check.look()
        except Exception as error:  # noqa: BLE001  (whatever a check raises is what it has found)
            words = f"{type(error).__name__}: {error}".splitlines()[0][:500]
            found = Finding(State.FAILED, words)
        words = redacted_text(found.words)
        return Part(self._check.name, found.state, words, self._clock() - begun)
