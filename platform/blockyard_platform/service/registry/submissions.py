"""Idempotency keys: a submission that is sent again, however often and however much at once, is one run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.service.registry.access import enter, listing
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.registry.errors import ConflictError, InvalidError
from blockyard_platform.service.registry.names import checked
from blockyard_platform.service.registry.tables import SUBMISSIONS
from blockyard_platform.tickets import check_run_id

if TYPE_CHECKING:
    from blockyard_platform.service.registry.access import Scope
    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Reading, Writing

MOST_AT_ONCE = 10_000
"""Rows of one purge."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Which run a key stands for, and whether it does so since now: then the run is to be made, in the same transaction."""

    run: str
    new: bool


def claim(work: Writing, caller: Caller, tenant: str, key: str, digest: str, run: str) -> Claim:
    """Have a key stand for a run, if it does not stand for one already. ``digest`` is the SHA-256 of the whole request.

    Raises NotFoundError, InvalidError, ConflictError when the key was sent with another request.
    """
    scope = enter(work, caller, Action.RUNS_SUBMIT, tenant)
    check_run_id(run)
    row = {
        "key": checked("idempotency key", key),
        "digest": checked("digest", digest),
        "run": run,
        "created": work.now,
    }
    while True:
        # On PostgreSQL this waits for another transaction that has just put the same key.
        if work.change(scope.insert(work, SUBMISSIONS, **row).on_conflict_do_nothing()):
            return Claim(run, new=True)
        found = _find(work, scope, key, digest)
        if found is not None:
            return Claim(found, new=False)
        # The key was an old one, which was forgotten just now.


def find(work: Reading, caller: Caller, tenant: str, key: str, digest: str) -> str | None:
    """Return the run that a key stands for already. Raises as :func:`claim`."""
    scope = enter(work, caller, Action.RUNS_SUBMIT, tenant)
    return _find(work, scope, checked("idempotency key", key), checked("digest", digest))


def _find(work: Reading, scope: Scope, key: str, digest: str) -> str | None:
    wanted = scope.select(SUBMISSIONS, SUBMISSIONS.c.run, SUBMISSIONS.c.digest)
    found: Any = work.connection.execute(wanted.where(SUBMISSIONS.c.key == key)).first()
    if found is None:
        return None
    if found.digest != digest:
        raise ConflictError(
            f"the idempotency key {key[:60]!r} was sent with another request",
            "give each submission a key of its own",
        )
    run: str = found.run
    return run


def purge(work: Writing, caller: Caller, before: float, most: int = 1_000) -> int:
    """Forget some keys that were put before a time, the oldest first, and return how many: call again until there are none."""
    scope = listing(work, caller, Action.RUNS_PURGE)
    if not 1 <= most <= MOST_AT_ONCE:
        raise InvalidError(
            f"{most} keys cannot be forgotten at once", f"ask for 1 to {MOST_AT_ONCE}"
        )
    key = (SUBMISSIONS.c.tenant, SUBMISSIONS.c.key)
    old = scope.select(SUBMISSIONS, *key).where(SUBMISSIONS.c.created < before)
    some = old.order_by(SUBMISSIONS.c.created).limit(most)
    return work.change(scope.delete(SUBMISSIONS).where(sa.tuple_(*key).in_(some)))
