"""Tenants, their quotas and what they use."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from blockyard_platform.service.api.models.base import At, In, Out, Whole


class TenantIn(In):
    """A tenant to be made."""

    name: Annotated[str, Field(max_length=63)]
    """Small letters, digits, and - inside."""
    display: Annotated[str, Field(max_length=200)] = ""
    """What it is called for people; without it, its name."""


class TenantChange(In):
    """What can be changed of a tenant."""

    display: Annotated[str, Field(min_length=1, max_length=200)]
    """What it is called for people."""


class TenantOut(Out):
    """A tenant."""

    name: str
    display: str
    disabled: str | None
    """Why it is switched off, or null."""
    policy_pin: int | None
    """The version of its policy that stays in force, or null for the newest."""
    author: str
    created: At


class QuotaModel(In):
    """What a tenant may use: runs and CPU seconds a day, bytes that are stored in all."""

    runs: Annotated[Whole, Field(ge=0, le=2**53)]
    cpu_seconds: Annotated[float, Field(strict=True, ge=0, le=2**53, allow_inf_nan=False)]
    stored_bytes: Annotated[Whole, Field(ge=0, le=2**53)]


class QuotaOut(Out):
    """What a tenant may use: runs and CPU seconds a day, bytes that are stored in all."""

    runs: int
    cpu_seconds: float
    stored_bytes: int


class UsageOut(Out):
    """What a tenant has used on a day (UTC); ``stored_bytes`` is by how much its store has grown."""

    tenant: str
    day: str
    runs: int
    cpu_seconds: float
    stored_bytes: int


class TodayOut(Out):
    """What a tenant has used today, has stored in all, and may use."""

    today: UsageOut
    stored_bytes: int
    quota: QuotaOut
