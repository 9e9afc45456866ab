"""What a host block is told of the run that uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blockyard_blocks.errors import BlockError
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from blockyard_schemas.policy import Policy


def no_secrets(name: str) -> str:
    """Raise BlockError: where a block is called by itself, there are no secrets."""
    raise BlockError(Code.INVALID_ARGUMENT, "there are no secrets here")


@dataclass(frozen=True, slots=True)
class Context:
    """The first positional parameter of a host block: ``def fetch(context: Context, *, url: str) -> str``.

    ``stage`` is the stage's path in its job, ``tenant`` the name of the policy that the run is under, ``policy`` that
    policy. ``log(text)`` adds a line to the stage's log. ``data`` is the platform's folder for what tenants keep, which may not be there yet.

    ``secret(name)`` returns a secret that the policy names, which is masked in all that the run shows from then on. It asks a database
    or the like, and blocks: a coroutine function awaits ``asyncio.to_thread(context.secret, name)``. What it raises ends the stage.

    ``keys`` opens the tenant's keys where the platform has them elsewhere than in ``data``; the blocks of ``kv`` use it.
    """

    run_id: str
    workflow: str
    stage: str
    tenant: str
    policy: Policy
    log: Callable[[str], None]
    data: Path | None = None
    secret: Callable[[str], str] = no_secrets
    keys: Callable[[bool], AbstractContextManager[Any]] | None = None
