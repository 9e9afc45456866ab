"""Retries: how they are written, whether one more is due, and how long to wait before it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from blockyard_platform.durations import MOST, seconds_of
from blockyard_platform.errors import StageFailureError
from blockyard_platform.plain import is_list, is_mapping
from blockyard_schemas.kinds import MAX_RETRY
from blockyard_schemas.statuses import Code

MAX_ATTEMPTS = MAX_RETRY + 1
"""Attempts in all that a document may ask for."""


@dataclass(frozen=True, slots=True)
class Retry:
    """When a failed stage is tried again: ``attempts`` in all, seconds between them, codes that count (all without)."""

    attempts: int = 1
    delay: float = 0.0
    backoff: float = 1.0
    max_delay: float | None = None
    jitter: float = 0.0
    on: frozenset[Code] | None = None


def read_retry(value: Any) -> Retry:
    """Read ``retry``; raise StageFailureError (INVALID_ARGUMENT) when a value does not fit.

    A number is how often to try **again** after the first attempt. In a mapping ``attempts`` counts all of them,
    ``delay`` is waited between them and multiplied by ``backoff`` each time, up to ``max-delay``; ``jitter`` adds up to that
    part of it at random (``true``: 1), ``on`` names the codes that are worth another attempt.
    """
    if not is_mapping(value):
        return Retry(attempts=1 + int(_number("retry", value, 0, MAX_ATTEMPTS - 1)))
    limit = value.get("max-delay")
    return Retry(
        attempts=int(_number("attempts", value.get("attempts", 1), 1, MAX_ATTEMPTS)),
        delay=_seconds("delay", value.get("delay", 0)),
        backoff=_number("backoff", value.get("backoff", 1), 1, 100),
        max_delay=None if limit is None else _seconds("max-delay", limit),
        jitter=_jitter(value.get("jitter", 0)),
        on=_codes(value.get("on")),
    )


def allows(retry: Retry, tried: int, code: Code) -> bool:
    """Whether another attempt is due after this many and a failure with this code.

    Who was refused does not ask again, unless ``on`` says so.
    """
    counts = code is not Code.APPROVAL_REFUSED if retry.on is None else code in retry.on
    return tried < retry.attempts and counts


def pause(retry: Retry, tried: int) -> float:
    """Return the seconds to wait after this many attempts."""
    seconds = min(retry.delay * retry.backoff ** (tried - 1), retry.max_delay or MOST)
    return seconds * (1 + retry.jitter * random.random())  # noqa: S311  (spreads load; no secret)


def _number(name: str, value: Any, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise _invalid(
            f"{name} must be a number from {least:g} to {most:g}, not {str(value)[:40]!r}"
        )
    return float(value)


def _seconds(name: str, value: Any) -> float:
    try:
        return seconds_of(value)
    except ValueError as error:
        raise _invalid(f"{name}: {error}") from None


def _jitter(value: Any) -> float:
    return float(value) if isinstance(value, bool) else _number("jitter", value, 0, 1)


def _codes(value: Any) -> frozenset[Code] | None:
    if value is None:
        return None
    names: list[Any] = value if is_list(value) else [value]
    unknown = [name for name in names if name not in Code.__members__]
    if unknown:
        raise _invalid(
            f"retry on: {str(unknown[0])[:40]!r} is not the name of a code, such as TIMEOUT"
        )
    return frozenset(Code[name] for name in names)


def _invalid(message: str) -> StageFailureError:
    return StageFailureError(Code.INVALID_ARGUMENT, message)
