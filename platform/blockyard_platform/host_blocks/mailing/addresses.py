"""Addresses of mail: plain ones alone, so that what is checked is what the server reads."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from blockyard_platform.containers import fail
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Iterable

    from blockyard_schemas.policy_messages import MailServer

# No quoted or international names, no routes (% and !), no name that begins as an option does.
_ADDRESS = re.compile(
    r"[A-Za-z0-9_][A-Za-z0-9.&'*+/=?^_`{|}~#$-]{0,63}@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
_LONGEST = 254


def checked(what: str, address: str) -> str:
    """Return an address; raise StageFailureError (INVALID_ARGUMENT) for what is none."""
    if len(address) > _LONGEST or not _ADDRESS.fullmatch(address):
        message = f"{what}: {address[:60]!a} is no address such as ann@example.com"
        raise fail(Code.INVALID_ARGUMENT, message)
    return address


def sender_of(wanted: str | None, rule: MailServer) -> str:
    """Return the address that a message comes from; raise StageFailureError (FORBIDDEN_HOST) when the policy does not have it."""
    if wanted is None:
        return rule.senders[0]
    found = checked("sender", wanted).lower()
    for each in rule.senders:
        if each.lower() == found:
            return each
    known = ", ".join(rule.senders[:8])
    message = f"the policy allows no messages from {wanted[:80]!a}; senders that it names: {known}"
    raise fail(Code.FORBIDDEN_HOST, message)


def recipients_of(addresses: Iterable[str], rule: MailServer) -> tuple[str, ...]:
    """Return who is written to, each once; raise StageFailureError for whom the policy does not allow, and for too many."""
    found = tuple(dict.fromkeys(addresses))
    if not found:
        raise fail(Code.INVALID_ARGUMENT, "a message has at least one recipient")
    if len(found) > rule.max_recipients:
        message = f"a message has at most {rule.max_recipients} recipients (max_recipients)"
        raise fail(Code.INVALID_ARGUMENT, message)
    patterns = [each.lower() for each in rule.recipients]
    for address in found:
        lower = checked("recipient", address).lower()
        if not any(fnmatchcase(lower, pattern) for pattern in patterns):
            known = ", ".join(rule.recipients[:8]) or "none"
            message = f"the policy allows no messages to {address[:80]!a}; recipients: {known}"
            raise fail(Code.FORBIDDEN_HOST, message)
    return found
