"""The audit log."""

from __future__ import annotations

from typing import Any

from blockyard_platform.service.api.models.base import Out


class AuditOut(Out):
    """A row of the audit log: who did what to whose thing. ``hash`` is that of the row and of the one before."""

    seq: int
    at: str
    who: str
    tenant: str | None
    action: str
    object: str
    details: dict[str, Any]
    previous: str
    hash: str


class HeadOut(Out):
    """An end of the log: how many rows there are up to it, and the hash of the last one."""

    seq: int
    hash: str


class VerifiedOut(Out):
    """What was found of the log."""

    valid: bool
    wrong: int | None
    """The number of the first row that is not what was written."""
    end: HeadOut
    """Where what was verified ends: note it elsewhere, or go on from it."""
    more: bool
    """Whether rows follow that were not verified yet."""
