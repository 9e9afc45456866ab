"""Signatures of webhooks: HMAC-SHA256 (RFC 2104) over the raw body, with or without the time."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Style: TypeAlias = Literal["timestamped", "github"]
"""How a signature is written.

``timestamped``: ``t=1700000000,v1=<hex>``, over the digits of ``t``, a full stop and the body; ``v1`` may stand several times.
``github``: ``sha256=<hex>``, over the body alone, as in GitHub's X-Hub-Signature-256: it does not say when it was made.
"""

STYLES: tuple[Style, ...] = get_args(Style)

SHORTEST_SECRET = 16
"""Bytes of the shortest secret that is used; a shorter one can be guessed from one signed body."""

_LONGEST = 2_000
_MOST_SIGNATURES = 8
_TIME = re.compile(r"[1-9][0-9]{0,11}")
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a header says: its digits of the time (``None`` in the style of GitHub) and its signatures in hex."""

    time: str | None
    signatures: tuple[str, ...]

    def content(self, body: bytes) -> bytes:
        """Return the bytes that were signed."""
        return body if self.time is None else self.time.encode("ascii") + b"." + body


def read_header(style: Style, header: str) -> Claim | None:
    """Read the value of a signature's header; ``None`` when it is not of its style. Unknown parts are passed over."""
    if len(header) > _LONGEST or not header.isascii():
        return None
    if style == "github":
        scheme, _, value = header.partition("=")
        known = scheme == "sha256" and _HEX.fullmatch(value)
        return Claim(None, (value,)) if known else None
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for key, _, value in pairs if key == "t"]
    signatures = tuple(value for key, _, value in pairs if key == "v1")
    well_formed = all(_HEX.fullmatch(each) for each in signatures)
    if len(times) != 1 or not _TIME.fullmatch(times[0]) or not well_formed:
        return None
    if not 1 <= len(signatures) <= _MOST_SIGNATURES:
        return None
    return Claim(times[0], signatures)


def write_header(secrets: Sequence[bytes], body: bytes, time: int) -> str:
    """Return the header of a body in the timestamped style, with a signature for each secret; raise ValueError as ``digest``."""
    if not secrets or len(secrets) > _MOST_SIGNATURES or time < 1:
        raise ValueError(f"1 to {_MOST_SIGNATURES} secrets and a time after 1970 are needed")
    content = Claim(str(time), ()).content(body)
    return ",".join([f"t={time}", *(f"v1={digest(secret, content)}" for secret in secrets)])


def digest(secret: bytes, content: bytes) -> str:
    """Return the HMAC-SHA256 in hex; raise ValueError for a secret that is too short."""
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(f"a secret has at least {SHORTEST_SECRET} bytes")
    return hmac.new(secret, content, hashlib.sha256).hexdigest()


def is_signed(claim: Claim, secrets: Sequence[bytes], body: bytes) -> bool:
    """Whether one of the signatures was made with one of the secrets.

    Every pair is compared in constant time, and none is left out after a match: the time does not tell which one fits.
    """
    content = claim.content(body)
    matches = [
        hmac.compare_digest(signature, digest(secret, content))
        for secret in secrets
        for signature in claim.signatures
    ]
    return any(matches)


def fingerprint(claim: Claim, body: bytes) -> str:
    """Return what a delivery is known by: a hash of all that is signed, and of nothing that is not.

    A header of a delivery's id is not signed, so that who replays a request may change it; and the signature itself depends
    on the secret, so that the same request would look new after a rotation.
    """
    return hashlib.sha256(claim.content(body)).hexdigest()
