"""What a host block is told of the run that uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from blockyard_schemas.policy import Policy


@dataclass(frozen=True, slots=True)
class Context:
    """The first positional parameter of a host block: ``def fetch(context: Context, *, url: str) -> str``.

    ``stage`` is the stage's path in its job, ``tenant`` the name of the policy that the run is under, ``policy`` that
    policy. ``log(text)`` adds a line to the stage's log. ``data`` is the platform's folder for what tenants keep, which may not be there yet.
    """

    run_id: str
    workflow: str
    stage: str
    tenant: str
    policy: Policy
    log: Callable[[str], None]
    data: Path | None = None
