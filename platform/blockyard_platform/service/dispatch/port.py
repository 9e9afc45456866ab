"""What the rest of the service knows of dispatch: runs are submitted, executed by a callback, and end once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class State(StrEnum):
    """Where a run is. ENDED says that ``execute`` returned, not that the run went well: that stands in the journal."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DELAYED = "DELAYED"
    """``execute`` raised; it is called again later."""
    ENDED = "ENDED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    """``execute`` raised, or its worker died, more often than is allowed."""


class DispatchError(Exception):
    """The dispatcher cannot do what is asked: it is not started, or the database does not answer."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a tenant may have: at most ``cap`` runs at once over all workers, and its ``weight`` beside other tenants."""

    cap: int | None = None
    weight: float = 1.0


def equal_share(tenant: str) -> Share:
    """Give every tenant the same, without a cap."""
    del tenant
    return Share()


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What the embedding program does. All are called in threads of the dispatcher.

    ``execute(run_id)`` brings a run to its end, or as far as it goes for now, and returns. It may be called for a run that was begun
    before, or has even ended: it must look. When it raises, it is called again later. ``on_cancel(run_id)`` stops a
    run that is being executed here. ``on_lost(run_ids)`` says that these runs are another worker's from now on: their
    guests must end, and nothing more be written. ``on_failed(run_id)`` is called in place of ``execute`` for a run that has
    failed too often: it writes the run's end. ``share(tenant)`` is asked at each dispatch. All but ``execute`` and ``on_failed`` must return
    at once: the heart and the desk wait for them.
    """

    execute: Callable[[str], None]
    on_cancel: Callable[[str], None]
    on_lost: Callable[[Sequence[str]], None]
    on_failed: Callable[[str], None]
    share: Callable[[str], Share] = equal_share


@dataclass(frozen=True, slots=True)
class Settings:
    """How a process takes part. ``place`` is a file or a database's URL, as of the journal, and may be the same one.

    With no ``slots`` it submits and looks, and executes nothing. A worker whose heartbeat is not seen for
    ``lease_seconds`` has lost its runs; one that died on the same machine is found at the next heartbeat.
    """

    place: str
    slots: int = 8
    poll_seconds: float | None = None
    """How often to look without being told: 0.05 s on SQLite, and 1 s on PostgreSQL, where processes tell each other at once."""
    lease_seconds: float = 10.0
    heartbeat_seconds: float = 2.0
    retries: int = 20
    retry_seconds: float = 1.0
    name: str | None = None
    """What this process's ``executor_id`` begins with; the rest is made up, so that no two are alike."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A run as dispatch knows it; ``number`` counts how often it was given to a worker. Times are seconds since 1970."""

    run_id: str
    tenant: str
    priority: int
    state: State
    worker: str | None
    number: int
    failures: int
    submitted: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a run is not at work: its ``position`` among its tenant's own (1 is the next), and the reason.

    ``reason`` is one of ``no-worker``, ``cap`` (the tenant has as many runs as it may), ``busy`` (all slots are taken), ``turn``
    (a slot is free, and it or another tenant is about to get it), ``retry`` (it failed, and is tried again later), and, from the
    scheduler, ``group`` (others of its concurrency group are under way; the position is the one in the group).
    """

    position: int
    reason: str
    words: str


class Dispatcher(Protocol):
    """One process's part in dispatch. All methods can be called from any thread but that of an event loop: they block for a transaction or two."""

    @property
    def executor_id(self) -> str:
        """The process's name among the workers."""
        ...

    def start(self) -> None:
        """Migrate the database, take part, and take up what dead workers left. Blocks for up to a few seconds."""
        ...

    def submit(self, run_id: str, tenant: str, priority: int = 0, *, again: bool = False) -> bool:
        """Accept a run for good: when this returns, the run outlives every process. Higher priorities go first within a tenant.

        Returns False when the run was known, which changes nothing; with ``again``, one that has ended is queued once more,
        and one that is at work is executed once more after its end. Raises DispatchError, ValueError for an id that cannot be.
        """
        ...

    def nudge(self) -> None:
        """Look at once: for a caller that has committed a run by ``runs.add``, or a cancellation by ``runs.cancel``, in a transaction of its own."""
        ...

    def cancel(self, run_id: str) -> State | None:
        """Cancel: one that waits never begins (CANCELLED), one at work is told (RUNNING). None when it is not known.

        One at work is CANCELLED once ``execute`` ends, however it ends; or at once when its worker dies or hands it over.
        """
        ...

    def recover(self, executor_id: str) -> tuple[str, ...]:
        """Hand over what a worker holds, as if it were dead, and say which runs."""
        ...

    def status(self, run_id: str) -> Entry | None:
        """Look at a run."""
        ...

    def list(
        self,
        *,
        state: State | None = None,
        tenant: str | None = None,
        worker: str | None = None,
        limit: int = 100,
    ) -> tuple[Entry, ...]:
        """Look at runs, the earliest submitted first."""
        ...

    def seen(self) -> float | None:
        """Return how many seconds ago any worker was heard of last; None when there is none."""
        ...

    def why_waiting(self, run_id: str) -> Waiting | None:
        """Say why a run waits; None when it does not."""
        ...

    def tidy(self, older_than_seconds: float, limit: int = 500) -> int:
        """Forget what DBOS has of runs that ended so long ago, at most so many; say how many. Nobody asks for it.

        A process without slots has no DBOS, and forgets nothing.
        """
        ...

    def stop(self, *, drain: bool = True, seconds: float | None = None) -> None:
        """Take nothing more; with ``drain`` wait for what is at work (at most ``seconds``), and hand over the rest."""
        ...
