"""Kill switches."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from blockyard_platform.service.api.models.base import At, In, Out
from blockyard_platform.service.registry.kinds import SwitchKind

_Name = Annotated[str, Field(min_length=1, max_length=600)]
_Tenant = Annotated[str, Field(max_length=63)] | None


class SwitchIn(In):
    """What is to be stopped."""

    kind: SwitchKind
    name: _Name
    """A name, a family of blocks (``http.*``), an image with or without tag or digest."""
    reason: Annotated[str, Field(min_length=1, max_length=1_000)]
    """Why; whoever is stopped by it is told."""
    tenant: _Tenant = None
    """For whom; without it, for all that are yours."""


class LiftIn(In):
    """What may run again."""

    kind: SwitchKind
    name: _Name
    tenant: _Tenant = None
    """For whom it was stopped."""
    owner: _Tenant = None
    """The tenant whose own people have stopped it; without it, what your own side has."""


class SwitchOut(Out):
    """Something that is stopped, for ``tenant`` or for all (null), by the tenant ``owner`` or by the platform (null)."""

    kind: SwitchKind
    name: str
    reason: str
    tenant: str | None
    owner: str | None
    author: str
    created: At
