"""Names of hosts to addresses, and what an admin's own rule of a host says of these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blockyard_platform.containers import fail
from blockyard_sandbox.egress.addresses import addresses_allowed
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_sandbox.egress.connecting import Lookups


async def resolved(host: str, port: int, lookups: Lookups) -> tuple[str, ...]:
    """Return all addresses of a host; raise StageFailureError (UNHANDLED_EXCEPTION) when it has none that is known."""
    try:
        return await lookups.addresses(host, port)
    except TimeoutError:
        raise fail(Code.UNHANDLED_EXCEPTION, f"{host} cannot be looked up in time") from None
    except (OSError, UnicodeError):
        raise fail(Code.UNHANDLED_EXCEPTION, f"{host} has no known address") from None


async def of_rule(
    host: str, port: int, lookups: Lookups, *, private: bool, rule: str
) -> tuple[str, ...]:
    """Return the addresses of a host that the policy itself names in a ``rule``; raise StageFailureError, also FORBIDDEN_HOST."""
    addresses = await resolved(host, port, lookups)
    if not addresses_allowed(addresses, private=private):
        message = f"the address of {host} is not allowed to the policy's {rule} (private)"
        raise fail(Code.FORBIDDEN_HOST, message)
    return addresses
