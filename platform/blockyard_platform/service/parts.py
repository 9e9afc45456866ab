"""What the service is made of: made once at its start, and handed to whoever needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blockyard_blocks.catalog import Catalog
    from blockyard_platform.secrets.sealing import KeyRing
    from blockyard_platform.service.admitting import Admitting
    from blockyard_platform.service.dispatch.port import Dispatcher
    from blockyard_platform.service.operations.health import Examiner
    from blockyard_platform.service.operations.observing import Observing
    from blockyard_platform.service.registry.database import Database
    from blockyard_platform.service.runs.runs import Runs
    from blockyard_platform.service.runs.watching import Watching
    from blockyard_platform.service.scheduler.assembling import Scheduling
    from blockyard_platform.service.settings import Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts."""

    settings: Settings
    database: Database
    catalog: Catalog
    keys: KeyRing
    admitting: Admitting
    health: Examiner
    runs: Runs
    dispatcher: Dispatcher
    watching: Watching
    observing: Observing
    scheduling: Scheduling
