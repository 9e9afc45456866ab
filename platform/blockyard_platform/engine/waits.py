"""The waits of one run: how many of its strands move, what the others wait for, and when the run may stand still.

A strand is what goes on beside others: a branch, an item, a job. It moves unless it waits for a moment, an answer, or strands and places of
the same run. A run that may park stops when no strand moves and nothing that it waits for is near.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from blockyard_platform.waits import Answer, Waiting


@dataclass(frozen=True, slots=True)
class Parking:
    """Lets a run stop while all that it does is to wait; its journal has what is needed to go on.

    What is due within ``least`` seconds is waited for in the process.
    """

    least: float = 5.0


class Waits:
    """The strands and waits of one run."""

    def __init__(
        self,
        parking: Parking | None,
        park: Callable[[tuple[Waiting, ...]], None],
        answers: Mapping[str, Answer],
    ) -> None:
        """Begin with one strand that moves. ``park`` is called when the run may stand still; ``answers`` have come meanwhile."""
        self._parking = parking
        self._park = park
        self._answers = dict(answers)
        self._moving = 1
        self._open: dict[str, tuple[Waiting, asyncio.Future[Answer]]] = {}

    def fork(self, strands: int) -> Fork:
        """Let so many strands go on in place of the one that calls this, until they join."""
        self._moving += strands - 1
        return Fork(self, strands)

    def change(self, strands: int) -> None:
        """Count more strands that move, or fewer."""
        self._moving += strands
        if self._moving == 0 and self._parking is not None:
            # Whoever goes on because of this has been scheduled before, and moves by then.
            asyncio.get_running_loop().call_soon(self._look)

    @contextmanager
    def still(self) -> Generator[None]:
        """Let the strand that calls this stand still in the context."""
        self.change(-1)
        try:
            yield
        finally:
            self.change(1)

    async def moment(self, waiting: Waiting) -> None:
        """Wait until it is due, or until the run parks."""
        left = waiting.left(waiting.due or 0.0, time())
        with self._waits(waiting):
            await asyncio.sleep(left)

    async def answer(self, waiting: Waiting) -> Answer:
        """Return the answer to an approval, when it comes; the run may park meanwhile."""
        with self._waits(waiting) as future:
            return await future

    def given(self, path: str) -> Answer | None:
        """Return the answer that the run was taken up with, once."""
        return self._answers.pop(path, None)

    def give(self, path: str, answer: Answer) -> bool:
        """Hand an answer to what waits at a path; return whether it was taken."""
        _, future = self._open.get(path, (None, None))
        if future is None or future.done():
            return False
        future.set_result(answer)
        return True

    @property
    def asked(self) -> dict[str, Waiting]:
        """What is waited for now, by path."""
        return {path: waiting for path, (waiting, _) in self._open.items()}

    @contextmanager
    def _waits(self, waiting: Waiting) -> Generator[asyncio.Future[Answer]]:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._open[waiting.path] = waiting, future
        try:
            with self.still():
                yield future
        finally:
            del self._open[waiting.path]

    def _look(self) -> None:
        """Park, when still nothing moves, and nothing is about to."""
        if self._moving or self._parking is None or not self._open:
            return
        if any(future.done() for _, future in self._open.values()):
            return
        waits = tuple(waiting for waiting, _ in self._open.values())
        now = time()
        left = [it.left(it.wakes, now) for it in waits if it.wakes is not None]
        if not left or min(left) > self._parking.least:
            self._park(tuple(sorted(waits)))


class Fork:
    """Strands that go on side by side, and those of them that have not ended."""

    __slots__ = ("_left", "_waits")

    def __init__(self, waits: Waits, strands: int) -> None:
        """Begin with all of them."""
        self._waits = waits
        self._left = strands

    def done(self) -> None:
        """Take a strand out that has ended well. The last one's place is kept for the one that goes on after all; so is that of any that failed."""
        if self._left > 1:
            self._left -= 1
            self._waits.change(-1)

    def join(self) -> None:
        """All have ended, or were cancelled: the one that forked goes on."""
        self._waits.change(1 - self._left)
