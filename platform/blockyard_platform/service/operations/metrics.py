"""What Prometheus reads: counts, gauges and histograms of one process, in a registry of its own.

Every label has a bounded set of values, so that no tenant, path or header can make series without end.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from blockyard_platform.service.operations.labels import (
    KINDS,
    METHODS,
    ORIGINS,
    OUTCOMES,
    PARTS,
    STATUSES,
    Few,
    among,
    status_class,
)

if TYPE_CHECKING:
    from blockyard_platform.events import Event, RunView
    from blockyard_schemas.statuses import Status

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""What :meth:`Metrics.render` returns, as HTTP calls it."""

_RUN_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 86_400)
_STAGE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_WRITE_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 5)


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """``tenants`` is how many tenants have series of their own; those that come later are counted together as ``other``."""

    tenants: int = 0

    def __post_init__(self) -> None:
        """Refuse more than a Prometheus bears."""
        if not 0 <= self.tenants <= 1_000:
            raise ValueError("metrics can name from 0 to 1000 tenants")


class Metrics:
    """The figures of one process. Everything may be called from any thread."""

    def __init__(self, settings: MetricsSettings | None = None) -> None:
        """Begin with nothing counted."""
        self.registry = CollectorRegistry()
        most = (settings or MetricsSettings()).tenants
        self._tenants = Few(most) if most else None
        self._stages: dict[tuple[str, Status], tuple[Any, Any]] = {}
        self._make_runs()
        self._make_stages()
        self._make_gauges()
        self._make_doors()
        build = Info("blockyard_build", "The version of this process", registry=self.registry)
        build.info({"version": version("blockyard"), "python": platform.python_version()})

    def _make_runs(self) -> None:
        tenant = () if self._tenants is None else ("tenant",)
        self._submitted = self._counter("runs_submitted", "Runs accepted", *tenant, "origin")
        self._started = self._counter("runs_started", "Runs that a worker has begun", *tenant)
        self._ended = self._counter("runs_ended", "Runs that ended", *tenant, "status")
        self._run_seconds = self._histogram(
            "run_seconds", "From a run's begin to its end", _RUN_SECONDS, "status"
        )

    def _make_stages(self) -> None:
        self._stage_count = self._counter("stages", "Stages that ended", "kind", "status")
        self._stage_seconds = self._histogram(
            "stage_seconds", "What stages took, with all attempts", _STAGE_SECONDS, "kind"
        )

    def _make_gauges(self) -> None:
        self._queue = self._gauge("queue_runs", "Runs that wait")
        self._oldest = self._gauge("queue_oldest_seconds", "How long the oldest has waited")
        self._used = self._gauge("slots_used", "Runs at work in this process")
        self._slots = self._gauge("slots", "Runs that this process may have at work")
        self._leases = self._counter("leases_lost", "Leases that this process has lost")

    def _make_doors(self) -> None:
        self._webhooks = self._counter("webhooks", "Webhooks", "direction", "outcome")
        self._requests = self._counter("http_requests", "Requests", "method", "route", "status")
        self._request_seconds = self._histogram(
            "http_request_seconds", "Until the last byte of an answer", _REQUEST_SECONDS, "route"
        )
        self._writes = self._histogram(
            "database_write_seconds", "Write transactions, commit included", _WRITE_SECONDS, "part"
        )

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(f"blockyard_{name}", words, labels, registry=self.registry)

    def _gauge(self, name: str, words: str) -> Gauge:
        return Gauge(f"blockyard_{name}", words, registry=self.registry)

    def _histogram(
        self, name: str, words: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        name = f"blockyard_{name}"
        return Histogram(name, words, labels, buckets=buckets, registry=self.registry)

    def _of(self, tenant: str) -> tuple[str, ...]:
        return () if self._tenants is None else (self._tenants.name(tenant),)

    def run_submitted(self, tenant: str, origin: str) -> None:
        """Count a run that was accepted; of an origin such as ``schedule/NAME`` the first word counts."""
        word = among(origin.partition("/")[0], ORIGINS)
        self._submitted.labels(*self._of(tenant), word).inc()

    def run_started(self, tenant: str) -> None:
        """Count a run that is begun, or taken up."""
        found = self._started.labels(*self._of(tenant)) if self._tenants else self._started
        found.inc()

    def run_ended(self, tenant: str, status: Status, seconds: float) -> None:
        """Count a run that has ended, so many seconds after it was begun here."""
        word = among(status.value, STATUSES)
        self._ended.labels(*self._of(tenant), word).inc()
        self._run_seconds.labels(word).observe(seconds)

    def on_event(self, view: RunView, event: Event) -> None:
        """Count what an engine tells: an ``on_event`` of a run."""
        del view
        record = event.record
        if event.kind != "stage-finished" or record is None:
            return
        key = (record.kind, record.status)
        found = self._stages.get(key)
        if found is None:
            kind, status = among(record.kind, KINDS), among(record.status.value, STATUSES)
            found = self._stage_count.labels(kind, status), self._stage_seconds.labels(kind)
            if kind == record.kind:
                self._stages[key] = found
        found[0].inc()
        if record.started is not None:
            found[1].observe(record.seconds)

    def queue_is(self, waiting: int, oldest_seconds: float) -> None:
        """Say how many runs wait, and how long the oldest has; 0 when none does."""
        self._queue.set(waiting)
        self._oldest.set(oldest_seconds)

    def slots_are(self, used: int, slots: int) -> None:
        """Say how many of this process's slots are taken."""
        self._used.set(used)
        self._slots.set(slots)

    def lease_lost(self) -> None:
        """Count a lease that this process has lost, and its runs with it."""
        self._leases.inc()

    def webhook(self, direction: str, outcome: str) -> None:
        """Count a webhook: ``in`` or ``out``; ``accepted``, ``refused``, ``delivered``, ``retried``, ``failed``."""
        self._webhooks.labels(among(direction, ("in", "out")), among(outcome, OUTCOMES)).inc()

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request by its route's template, which is not what the client has sent."""
        self._requests.labels(among(method, METHODS), route, status_class(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def written(self, part: str, seconds: float) -> None:
        """Count a write transaction of a part: ``journal``, ``registry``, ``queue``, ``events``, ``retention``."""
        self._writes.labels(among(part, PARTS)).observe(seconds)

    def render(self) -> bytes:
        """Return all figures in Prometheus' text format, version 0.0.4."""
        return generate_latest(self.registry)
