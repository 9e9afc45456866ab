"""What a worker stands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from blockyard_platform.service.admitting import Admitting
    from blockyard_platform.service.operations.observing import Observing
    from blockyard_platform.service.registry.database import Database
    from blockyard_platform.service.runs.settling import Settler
    from blockyard_platform.service.signals import Signals
    from blockyard_platform.service.worker.shares import Shares


@dataclass(frozen=True, slots=True)
class Ground:
    """What a worker stands on: the parts that it shares with whatever else is in its process. ``data`` is the folder for what tenants keep."""

    database: Database
    admitting: Admitting
    settler: Settler
    signals: Signals
    shares: Shares
    observing: Observing
    data: Path
