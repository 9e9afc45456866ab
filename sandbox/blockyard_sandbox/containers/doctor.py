"""What ``blockyard doctor`` tells of container stages: the engine, what it can do, and what it lacks."""

from __future__ import annotations

import os
from dataclasses import dataclass

from blockyard_sandbox.containers.client import connect, place_of_engine
from blockyard_sandbox.containers.errors import ContainerError
from blockyard_sandbox.containers.facts import facts_of


@dataclass(frozen=True, slots=True)
class EngineReport:
    """How the engine stands: ``usable`` tells whether container stages run here, ``detail`` what was seen or is missing."""

    usable: bool
    place: str
    detail: str
    version: str | None = None
    runtimes: tuple[str, ...] = ()
    images: int = 0

    def as_dict(self) -> dict[str, object]:
        """Return plain data."""
        return {
            "usable": self.usable,
            "place": self.place,
            "detail": self.detail,
            "version": self.version,
            "runtimes": list(self.runtimes),
            "images": self.images,
        }


def examine_engine() -> EngineReport:
    """Ask the engine of this machine what it is; one that is not there is a report, too."""
    place = place_of_engine()
    try:
        client = connect(place)
        try:
            facts = facts_of(client)
        finally:
            client.close()
    except ContainerError as error:
        return EngineReport(False, place, error.message.partition(";")[0])
    words = f"interface {facts.api}, default runtime {facts.default_runtime}"
    if facts.missing:
        words = f"it lacks: {', '.join(facts.missing)}"
    elif os.geteuid() != 0:
        words += "; not root: volumes are given by path, and only where nobody else could swap them"
    return EngineReport(
        not facts.missing, place, words, facts.version, facts.runtimes, facts.images
    )
