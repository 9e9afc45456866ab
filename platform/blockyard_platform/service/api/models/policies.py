"""Policies, and what a proposed one would change."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from blockyard_platform.service.api.models.base import At, In, Out, Whole
from blockyard_platform.service.api.models.problems import FindingOut
from blockyard_platform.service.changes import Change


class PolicyVersionOut(Out):
    """A version of a tenant's policy."""

    tenant: str
    version: int
    note: str
    author: str
    created: At


class PolicyOut(PolicyVersionOut):
    """A version of a tenant's policy: its text as it was given, and what it says with every default of its time."""

    text: str
    policy: dict[str, Any]


class PinIn(In):
    """The version that stays in force whatever comes after it; null is the newest again."""

    version: Annotated[Whole, Field(ge=1)] | None


class PinOut(Out):
    """The version that stays in force; null is the newest."""

    version: int | None


class DiffOut(Out):
    """A unified diff; "" when both say the same."""

    diff: str


class VerdictOut(Out):
    """What would become of a document; ``problems`` are those under the proposed policy."""

    reference: str
    change: Change
    problems: list[FindingOut]


class EvaluationOut(Out):
    """What a proposed policy would do to some of the documents; ask again with ``next`` for more."""

    counts: dict[Change, int]
    """How many of these documents there are of each kind."""
    items: list[VerdictOut]
    """Those that would change, or all of them when that was asked for."""
    next: str | None
