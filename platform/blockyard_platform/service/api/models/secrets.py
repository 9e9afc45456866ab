"""Secrets: what they hold goes in, and never comes out."""  # noqa: A005 - imports are absolute, so that nothing is hidden

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from blockyard_platform.service.api.models.base import At, In, Out


class SecretIn(In):
    """What a secret holds."""

    value: Annotated[SecretStr, Field(min_length=1, max_length=64 * 1024)]


class SecretOut(Out):
    """A secret's newest version, without what it holds."""

    tenant: str
    name: str
    version: int
    author: str
    created: At
