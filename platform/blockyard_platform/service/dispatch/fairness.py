"""Whose turn it is: slots go to the tenants that have the least at work for their weight, in turn among equals."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from blockyard_platform.service.dispatch.port import Share


class Turns:
    """Deals out free slots, and remembers who had a turn."""

    def __init__(self, share: Callable[[str], Share]) -> None:
        """Ask ``share`` for the cap and the weight of a tenant."""
        self._share = share
        self._served: dict[str, int] = {}
        self._count = 0

    def deal(
        self, free: int, tenants: Iterable[str], running: Mapping[str, int]
    ) -> Mapping[str, int]:
        """Return how many of the ``free`` slots each of the tenants that wait is given, beside what it has ``running``."""
        shares = {tenant: self._share(tenant) for tenant in tenants}
        # A tenant that does not wait for a while begins anew: what is remembered stays as small as who waits.
        self._served = {it: at for it, at in self._served.items() if it in shares}
        given: Counter[str] = Counter()
        while given.total() < free:
            load = {
                it: running.get(it, 0) + given[it]
                for it, share in shares.items()
                if share.cap is None or running.get(it, 0) + given[it] < share.cap
            }
            if not load:
                break
            chosen = min(
                load,
                key=lambda it: (load[it] / shares[it].weight, self._served.get(it, 0), it),
            )
            given[chosen] += 1
            self._count += 1
            self._served[chosen] = self._count
        return given
