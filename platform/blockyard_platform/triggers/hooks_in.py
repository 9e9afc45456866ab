"""Webhooks that come in: whether a request is taken, and what it brings.

Nothing here knows the time or keeps a secret: both are given. The order is that of what it tells: the size is looked at first,
since hashing costs; then the signature; and only for who has signed, the time, the content and whether it came before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from blockyard_platform.triggers.payloads import MOST_BYTES, Kind, kind_of, read_body
from blockyard_platform.triggers.replay import Answer
from blockyard_platform.triggers.signatures import (
    Claim,
    Style,
    fingerprint,
    is_signed,
    read_header,
)

WINDOW = 300
"""Seconds by which the time of a delivery may differ from ours, either way."""

REMEMBERED = 86_400
"""Seconds for which a delivery without a time of its own is remembered."""


class Reason(StrEnum):
    """Why a request is refused: for the hook's owner and the log, never for the sender."""

    TOO_LARGE = "the body is too large"
    NO_SIGNATURE = "there is no signature"
    BAD_HEADER = "the header of the signature is not of its style"
    NO_SECRET = "the hook has no secret"  # noqa: S105  (a sentence)
    BAD_SIGNATURE = "no secret fits the signature"
    TOO_OLD = "the time lies too far back"
    TOO_NEW = "the time lies too far ahead"
    BAD_TYPE = "the content type is not taken"
    BAD_BODY = "the body is not of its content type"
    REPLAYED = "the delivery came before"
    TOO_MANY = "too many deliveries are remembered"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is not taken. Only ``status`` and ``public`` may reach the sender."""

    reason: Reason

    @property
    def status(self) -> int:
        """The HTTP status: one for all that is wrong before the sender is known, so that it tells nothing."""
        after = {Reason.BAD_TYPE: 415, Reason.BAD_BODY: 400, Reason.TOO_MANY: 429}
        return 413 if self.reason is Reason.TOO_LARGE else after.get(self.reason, 401)

    @property
    def public(self) -> str:
        """The text for the sender, the same for every reason."""
        return "the request was not accepted"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came: the raw body, the value of the signature's header (``None`` without one), and the Content-Type."""

    body: bytes
    signature: str | None
    content_type: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request that is taken: its body as plain data, and the key by which it is known (a SHA-256 in hex)."""

    key: str
    kind: Kind
    body: Any


@dataclass(frozen=True, slots=True)
class Rules:
    """What a hook asks of its requests. ``remembered`` is for the style without a time."""

    style: Style = "timestamped"
    window: int = WINDOW
    remembered: int = REMEMBERED
    most_bytes: int = MOST_BYTES


class Guard(Protocol):
    """Remembers deliveries, as ``replay.ReplayGuard`` does in memory."""

    def admit(self, key: str, until: float, now: float) -> Answer:
        """Remember a delivery until a time, and tell whether it is new."""
        ...


def receive(
    request: Request, rules: Rules, secrets: Sequence[bytes], guard: Guard, now: float
) -> Delivery | Refusal:
    """Return what a request brings, or why it is refused.

    ``secrets`` are all that are valid now, several while one replaces another; ``now`` is in Unix seconds. A request that is
    refused is not remembered, so that it may be sent again once it is mended. Raises ValueError for a secret that is too short.
    """
    claim = _claim(request, rules, secrets)
    if isinstance(claim, Reason):
        return Refusal(claim)
    until = _until(claim, rules, now)
    if isinstance(until, Reason):
        return Refusal(until)
    kind = kind_of(request.content_type)
    if kind is None:
        return Refusal(Reason.BAD_TYPE)
    try:
        body = read_body(kind, request.body)
    except ValueError:
        return Refusal(Reason.BAD_BODY)
    key = fingerprint(claim, request.body)
    answer = guard.admit(key, until, now)
    if answer == "new":
        return Delivery(key, kind, body)
    return Refusal(Reason.REPLAYED if answer == "seen" else Reason.TOO_MANY)


def _claim(request: Request, rules: Rules, secrets: Sequence[bytes]) -> Claim | Reason:
    """Return what the signature says once it is known to be good."""
    if len(request.body) > rules.most_bytes:
        return Reason.TOO_LARGE
    if request.signature is None:
        return Reason.NO_SIGNATURE
    claim = read_header(rules.style, request.signature)
    if claim is None:
        return Reason.BAD_HEADER
    if not secrets:
        return Reason.NO_SECRET
    return claim if is_signed(claim, secrets, request.body) else Reason.BAD_SIGNATURE


def _until(claim: Claim, rules: Rules, now: float) -> float | Reason:
    """Return until when the delivery could come again and be taken."""
    if claim.time is None:
        return now + rules.remembered
    time = int(claim.time)
    if time < now - rules.window:
        return Reason.TOO_OLD
    return Reason.TOO_NEW if time > now + rules.window else time + float(rules.window)
