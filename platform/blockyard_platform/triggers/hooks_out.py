"""Webhooks that go out: the headers of a delivery, and when it is tried again.

Waits grow exponentially with full jitter: a random part of the whole wait, which spreads the load best (Brooker, "Exponential
Backoff And Jitter", AWS Architecture Blog, 2015).
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from blockyard_platform.triggers.signatures import write_header

SIGNATURE = "Blockyard-Signature"
"""The header with ``t=..,v1=..``."""

DELIVERY = "Blockyard-Delivery"
"""The header with the delivery's id, the same at each attempt."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_SECONDS = re.compile(r"[0-9]{1,9}")
_LEAST_STATUS, _MOST_STATUS = 100, 599
_GONE = 410
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524})


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often and how long a delivery is tried; ``base``, ``longest`` and ``give_up`` are seconds."""

    attempts: int = 8
    base: float = 5.0
    factor: float = 4.0
    longest: float = 6 * 3600.0
    give_up: float = 24 * 3600.0

    def __post_init__(self) -> None:
        """Raise ValueError for what could wait for ever, or never end."""
        numbers = (self.base, self.factor, self.longest, self.give_up)
        if not all(map(math.isfinite, numbers)) or self.attempts < 1:
            raise ValueError("a backoff has at least one attempt, and finite numbers")
        if self.base <= 0 or self.factor < 1 or self.longest < self.base or self.give_up < 0:
            raise ValueError("a backoff has base > 0, factor >= 1, longest >= base, give_up >= 0")


@dataclass(frozen=True, slots=True)
class Next:
    """What follows an attempt: ``wait`` seconds before a retry. ``gone``: the receiver asks for no more deliveries at all."""

    action: Literal["done", "retry", "give-up"]
    wait: float = 0.0
    gone: bool = False


def signed_headers(
    body: bytes,
    secrets: Sequence[bytes],
    delivery: str,
    now: float,
    content_type: str = "application/json",
) -> dict[str, str]:
    """Return the headers of one attempt. Each attempt is signed anew, since its time is looked at.

    ``secrets`` are one, or two while one replaces another; ``now`` is in Unix seconds. Raises ValueError for an id or a content
    type that could not stand in a header, and for a secret that is too short.
    """
    if not _ID.fullmatch(delivery):
        raise ValueError("the id of a delivery is 1 to 100 letters, digits, - and _")
    if not content_type.isascii() or not content_type.isprintable():
        raise ValueError("the content type has characters that no header holds")
    return {
        "Content-Type": content_type,
        SIGNATURE: write_header(secrets, body, int(now)),
        DELIVERY: delivery,
    }


def wait(backoff: Backoff, attempt: int, chance: random.Random) -> float:
    """Return the seconds to wait after an attempt (the first is 1): from none to the whole wait, at random."""
    if attempt < 1:
        raise ValueError(f"attempts count from 1, not {attempt}")
    return chance.uniform(0.0, _whole(backoff, attempt))


def after(
    backoff: Backoff,
    attempt: int,
    status: int | None,
    passed: float,
    chance: random.Random,
    retry_after: str | None = None,
) -> Next:
    """Return what follows an attempt.

    ``status`` is that of the answer, ``None`` when there was none (no connection, a timeout); ``passed`` the seconds since the
    first attempt; ``retry_after`` the header of that name, of which seconds are followed up to ``longest``, and dates are not. A
    redirect is not followed and not retried: it would lead a signed body to a host that nobody has allowed.
    """
    if status is not None and 200 <= status < 300:
        return Next("done")
    if status is not None and not is_retried(status):
        return Next("give-up", gone=status == _GONE)
    pause = max(wait(backoff, attempt, chance), _asked(backoff, retry_after))
    if attempt >= backoff.attempts or passed + pause > backoff.give_up:
        return Next("give-up")
    return Next("retry", pause)


def is_retried(status: int) -> bool:
    """Whether an answer with this status may turn out better later; raise ValueError for what is no status."""
    if not _LEAST_STATUS <= status <= _MOST_STATUS:
        raise ValueError(f"{status} is not an HTTP status")
    return status in _RETRIED


def _whole(backoff: Backoff, attempt: int) -> float:
    # Beyond this power the longest wait is reached, and a float could overflow.
    if backoff.factor > 1:
        enough = math.log(backoff.longest / backoff.base, backoff.factor)
        if attempt - 1 >= enough:
            return backoff.longest
    return float(min(backoff.longest, backoff.base * backoff.factor ** (attempt - 1)))


def _asked(backoff: Backoff, retry_after: str | None) -> float:
    if retry_after is None or not _SECONDS.fullmatch(retry_after.strip()):
        return 0.0
    return min(backoff.longest, float(retry_after))
