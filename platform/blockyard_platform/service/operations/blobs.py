"""Blobs that no record uses any more. A blob is shared by all records, of any run, whose outputs are alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.store.tables import BLOBS, RECORDS

if TYPE_CHECKING:
    from collections.abc import Collection

    from blockyard_platform.service.registry.database import Database, Writing


def delete_unused(work: Writing, digests: Collection[str]) -> int:
    """Delete those of some blobs that no record uses; return how many.

    The rows are locked before they are looked for: who is about to write a record with one of these blobs has locked it,
    and is waited for, or waits. The look must be a statement of its own, which sees what was committed meanwhile.
    """
    if not digests:
        return 0
    some = sa.select(BLOBS.c.digest).where(BLOBS.c.digest.in_(sorted(digests)))
    locked = work.connection.scalars(some.order_by(BLOBS.c.digest).with_for_update()).all()
    unused = ~sa.exists().where(RECORDS.c.blob == BLOBS.c.digest)
    return work.change(sa.delete(BLOBS).where(BLOBS.c.digest.in_(locked), unused))


def sweep(database: Database, after: str = "", most: int = 500) -> tuple[str | None, int]:
    """Look through some blobs in their order, and delete those that no record uses: what was left by runs that were done anew.

    Returns where to go on (None at the end), how many were deleted.
    """
    wanted = sa.select(BLOBS.c.digest).where(BLOBS.c.digest > after)
    unused = ~sa.exists().where(RECORDS.c.blob == BLOBS.c.digest)
    with database.reading() as looking:
        some = wanted.order_by(BLOBS.c.digest).limit(most).subquery()
        row: Any = looking.connection.execute(
            sa.select(sa.func.max(some.c.digest), sa.func.count())
        ).one()
        last, count = row
        if last is None:
            return None, 0
        found = looking.connection.scalars(
            wanted.where(BLOBS.c.digest <= last, unused).order_by(BLOBS.c.digest)
        ).all()
    deleted = 0
    if found:
        with database.writing() as work:
            deleted = delete_unused(work, found)
    return (last if count == most else None), deleted
