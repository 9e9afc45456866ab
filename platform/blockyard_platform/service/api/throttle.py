"""Wrong tokens by address: after some at once, each has to wait. Tokens cannot be guessed; this keeps the database from being asked.

Who has used a token that held is let through, so that one who sends wrong ones does not lock out others behind the same proxy.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

AT_ONCE = 20
"""Wrong tokens of one address that are looked up at once."""
SECONDS_EACH = 3.0
"""Seconds after which one more is looked up."""
MOST = 10_000
"""Addresses, and tokens that held, which are remembered."""


@dataclass(slots=True)
class _Bucket:
    used: float
    at: float


class Throttle:
    """Used in the event loop alone: its methods do not wait, and so need no lock."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        """Remember nothing yet."""
        self._now = now
        self._addresses: OrderedDict[str, _Bucket] = OrderedDict()
        self._good: OrderedDict[bytes, None] = OrderedDict()

    def wait(self, address: str, token: bytes) -> int:
        """Return the seconds after which an address may try a token again; 0 is now."""
        bucket = self._addresses.get(_network(address))
        if bucket is None or token in self._good:
            return 0
        over = self._used(bucket) - AT_ONCE + 1
        return math.ceil(over * SECONDS_EACH) if over > 0 else 0

    def failed(self, address: str, token: bytes) -> None:
        """Note a wrong token, by its digest."""
        self._good.pop(token, None)
        key = _network(address)
        bucket = self._addresses.pop(key, None) or _Bucket(0.0, self._now())
        self._addresses[key] = _Bucket(self._used(bucket) + 1, self._now())
        if len(self._addresses) > MOST:
            self._addresses.popitem(last=False)

    def passed(self, token: bytes) -> None:
        """Note a token that held, by its digest."""
        self._good[token] = None
        self._good.move_to_end(token)
        if len(self._good) > MOST:
            self._good.popitem(last=False)

    def _used(self, bucket: _Bucket) -> float:
        return max(0.0, bucket.used - (self._now() - bucket.at) / SECONDS_EACH)


def _network(address: str) -> str:
    """Return an address, or of IPv6 the /64 that one customer has."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        return found.exploded[:19] if found.ipv4_mapped is None else str(found.ipv4_mapped)
    return str(found)
