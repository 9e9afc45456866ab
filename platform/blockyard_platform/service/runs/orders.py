"""What is asked of the service when a run is to begin, and what it answers."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from blockyard_platform.service.registry.errors import InvalidError
from blockyard_platform.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_schemas.problems import Problem

MOST_PRIORITY = 100
"""Priorities lie between this and its negative; the higher go first, within a tenant."""

MOST_DEPTH = 10
"""Runs that stand before another in a chain, each begun by the end of the one before."""

_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class RefusedError(StoreError):
    """A document or params that are not admitted: ``problems`` has all that is wrong, with places."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Say how many there are, and the first."""
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        first = problems[0].message if problems else "no reason is known"
        super().__init__(f"the run is refused: {first}{more}", None, "refused")
        self.found = problems


@dataclass(frozen=True, slots=True)
class Order:
    """A run that is to begin: of a stored ``workflow`` (in a ``version``, or the newest), or of a ``document`` that comes with it.

    ``key`` is the idempotency key; ``origin`` says what has begun it; ``depth`` how many runs stand before it in a chain; ``trace`` is
    a W3C traceparent.
    """

    tenant: str
    workflow: str | None = None
    version: int | None = None
    document: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    priority: int = 0
    key: str | None = None
    origin: str = "api"
    depth: int = 0
    trace: str | None = None

    def __post_init__(self) -> None:
        """Raise InvalidError for an order that cannot be."""
        if (self.workflow is None) == (self.document is None):
            raise InvalidError("a run has either a workflow or a document", "give one of the two")
        if self.version is not None and self.workflow is None:
            raise InvalidError("a document that comes with the run has no version", "leave it out")
        if abs(self.priority) > MOST_PRIORITY:
            raise InvalidError(f"a priority lies between -{MOST_PRIORITY} and {MOST_PRIORITY}")
        if self.depth > MOST_DEPTH:
            raise InvalidError(f"more than {MOST_DEPTH} runs have begun one another in a row")
        if self.trace is not None and not _TRACE.fullmatch(self.trace):
            raise InvalidError("this is no traceparent", "leave it out, or see W3C Trace Context")

    def digest(self) -> str:
        """Return the SHA-256 of what is asked, by which a key that comes with another request is told."""
        said = [self.workflow, self.version, self.document, self.params, self.priority]
        text = json.dumps(said, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The run that an order has become; not ``new`` when its key was sent before."""

    run_id: str
    new: bool
