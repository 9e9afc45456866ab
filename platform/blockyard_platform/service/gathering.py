"""Calls of several threads done together, so that they share a statement and a commit.

A call that comes alone is done at once, by its own thread. What comes meanwhile is done as one group when that is over, or, where that is wanted,
a moment later: then more have come. Who comes alone waits for nobody.
"""

from __future__ import annotations

from threading import Event, Lock
from time import sleep
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

K = TypeVar("K")
V = TypeVar("V")


class _Call(Generic[K, V]):
    """A call under way: ``news`` is set when it has its answer, is to be done by its own thread alone, or is to lead the next group."""

    __slots__ = ("answer", "asked", "leads", "news")

    def __init__(self, asked: K) -> None:
        self.asked = asked
        self.answer: list[V] = []
        self.leads = False
        self.news = Event()


class Gathered(Generic[K, V]):
    """A function of one thing, over one of many: ``together`` answers as many as it is asked, in their order. Safe in threads.

    When it fails for several, nothing of that group may be done, and each is asked for alone: so what it raises reaches the one caller whose it is.
    """

    def __init__(
        self,
        together: Callable[[Sequence[K]], Sequence[V]],
        most: int = 64,
        pause: Callable[[], float] | None = None,
    ) -> None:
        """Ask for up to ``most`` at once. ``pause`` says for how many seconds a group that has formed while another was under way waits for more."""
        self._together = together
        self._most = most
        self._pause = pause
        self._lock = Lock()
        self._waiting: list[_Call[K, V]] = []
        self._led = False

    def __call__(self, asked: K) -> V:
        """Return the answer for this one. Raises what ``together`` raises for it alone."""
        call = _Call[K, V](asked)
        with self._lock:
            self._waiting.append(call)
            call.leads, self._led = not self._led, True
        if not call.leads:
            call.news.wait()
            if call.leads and self._pause is not None:
                sleep(self._pause())
        if call.leads:
            self._lead(call)
        if call.answer:
            return call.answer[0]
        return self._together([asked])[0]

    def _lead(self, call: _Call[K, V]) -> None:
        """Do a group with this call in it, and hand the lead on."""
        with self._lock:
            group = self._waiting[: self._most]
            self._waiting = self._waiting[self._most :]
        try:
            self._answer(group)
        finally:
            with self._lock:
                following = self._waiting[0] if self._waiting else None
                self._led = following is not None
            if following is not None:
                following.leads = True
                following.news.set()
            for each in group:
                if each is not call:
                    each.news.set()

    def _answer(self, group: list[_Call[K, V]]) -> None:
        try:
            answers = self._together([it.asked for it in group])
        except Exception:
            if len(group) == 1:
                raise
            return  # Each asks alone.
        for each, answer in zip(group, answers, strict=True):
            each.answer.append(answer)
