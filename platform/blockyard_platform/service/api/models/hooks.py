"""Webhooks that go out, and runs that schedules, hooks and other runs have ordered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from blockyard_platform.service.api.models.base import At, Flag, In, Out

Event = Literal["run.succeeded", "run.failed", "run.cancelled", "approval.asked"]


class SubscriptionIn(In):
    """Who is told of what."""

    url: Annotated[str, Field(min_length=1, max_length=2_000)]
    """The address that is told; the tenant's policy must allow its host."""
    events: Annotated[list[Event], Field(min_length=1, max_length=10)]
    secret: Annotated[str, Field(min_length=1, max_length=100)]
    """The name of the secret that signs."""
    enabled: Flag = True


class SubscriptionOut(Out):
    """A subscription; ``problem`` is why it was switched off by itself."""

    tenant: str
    name: str
    url: str
    events: list[str]
    secret: str
    enabled: bool
    problem: str | None
    author: str
    created: At


class DeliveryOut(Out):
    """A webhook that is to be sent; without ``due`` it is dead: it was tried too often."""

    id: str
    tenant: str
    subscription: str
    event: str
    made: At
    due: At | None
    tries: int
    status: int | None
    """What was answered last."""
    problem: str | None


class OrderOut(Out):
    """A run that is to be submitted; with a ``problem`` it never will be."""

    tenant: str
    key: str
    workflow: str
    version: int | None
    params: dict[str, Any]
    origin: str
    schedule: str | None
    at: At
    """The time it is for."""
    tries: int
    problem: str | None
