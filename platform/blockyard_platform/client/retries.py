"""When a call is sent again, and after how long."""

from __future__ import annotations

from dataclasses import dataclass
from random import SystemRandom
from typing import TYPE_CHECKING

from blockyard_platform.client.answers import retry_after

if TYPE_CHECKING:
    from blockyard_platform.client.calls import Head
    from blockyard_platform.client.errors import UnreachableError

_ANY = SystemRandom()


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a call is sent at most, and how long is waited in between, in seconds.

    The pauses double from ``first`` up to ``most``, each a random part of that, one half at least. A server that wants to be asked
    again after more than ``longest`` is not waited for.
    """

    tries: int = 4
    first: float = 0.25
    most: float = 5.0
    longest: float = 30.0

    def pause(self, tried: int) -> float | None:
        """Return how long to wait after so many tries; None is not to try any more."""
        if tried >= self.tries:
            return None
        whole: float = min(self.most, self.first * 2.0 ** min(tried - 1, 30))
        return whole * _ANY.uniform(0.5, 1.0)

    def after_loss(self, tried: int, error: UnreachableError, *, safe: bool) -> float | None:
        """Return how long to wait when no answer came: what may have been done is sent again only where that is ``safe``."""
        if error.hopeless or (error.sent and not safe):
            return None
        return self.pause(tried)

    def after_answer(self, tried: int, head: Head, *, safe: bool) -> float | None:
        """Return how long to wait after an answer: 429 was not done, and 503 may have been; both must say when to come again."""
        later = retry_after(head)
        if later is None or later > self.longest or tried >= self.tries:
            return None
        if head.status == 429 or (head.status == 503 and safe):
            return max(later, self.pause(tried) or 0.0)
        return None


USUAL = Retry()
"""For calls."""

ONCE = Retry(tries=1)
"""Nothing is sent again."""

PATIENT = Retry(tries=14, first=0.25, most=5.0)
"""For what goes on for long anyway: a server that is started again in the meantime is waited for, for about a minute."""
