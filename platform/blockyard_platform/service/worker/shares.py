"""What each tenant may have of the slots, by its policy: asked at every dispatch, so that it is read now and then, not each time."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING

from blockyard_platform.service.dispatch.port import Share
from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.store.errors import StoreError

if TYPE_CHECKING:
    from blockyard_platform.service.admitting import Admitting

_LOG = logging.getLogger(__name__)
_FRESH_SECONDS = 5.0
_MOST_TENANTS = 10_000
_NOTHING_KNOWN = Share(cap=1)


class Shares:
    """Tells the share of a tenant; a change of policy is seen within seconds."""

    def __init__(self, admitting: Admitting) -> None:
        """Know nothing yet."""
        self._admitting = admitting
        self._known: dict[str, tuple[float, Share]] = {}

    def share(self, tenant: str) -> Share:
        """Return a tenant's share. Where its policy cannot be read, what was known last, or one run at a time."""
        at, share = self._known.get(tenant, (float("-inf"), _NOTHING_KNOWN))
        now = monotonic()
        if now - at > _FRESH_SECONDS:
            share = self._read(tenant, share)
            if len(self._known) >= _MOST_TENANTS:
                self._known.clear()
            self._known[tenant] = (now, share)
        return share

    def _read(self, tenant: str, before: Share) -> Share:
        try:
            rules = self._admitting.rules(Caller.service(tenant), tenant).policy.service
        except StoreError as error:
            _LOG.warning("the policy of the tenant %s cannot be read: %s", tenant, error)
            return before
        return Share(cap=rules.concurrency, weight=rules.weight)
