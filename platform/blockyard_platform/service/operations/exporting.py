"""Traces to a collector, by OTLP over HTTP: for those who have installed ``blockyard[otel]``."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from blockyard_platform.service.operations.errors import MissingExtraError, OperationsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import TracerProvider


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """Where traces go: ``endpoint`` is a collector's ``http://host:4318/v1/traces``; without one nothing is recorded.

    ``ratio`` of the runs are recorded, unless the submission's own trace says whether. Headers for the collector are taken by the exporter
    from ``OTEL_EXPORTER_OTLP_HEADERS``, so that its key stands in no file of ours.
    """

    endpoint: str | None = None
    service: str = "blockyard"
    ratio: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what is no address, and what is no part of a whole."""
        if self.endpoint is not None and not self.endpoint.startswith(("http://", "https://")):
            raise ValueError("the endpoint of traces is an http:// or https:// address")
        if not 0 <= self.ratio <= 1:
            raise ValueError("the ratio of traces is a number from 0 to 1")


def configure_traces(settings: TraceSettings) -> Callable[[], None]:
    """Have the process send its spans, and return what ends that: it sends what is left, and takes up to some seconds.

    Raises MissingExtraError when the packages are not there, OperationsError when another part of the process has set traces up already.
    """
    if settings.endpoint is None:
        return _nothing
    provider = _provider(settings)
    from opentelemetry import trace

    if isinstance(trace.get_tracer_provider(), type(provider)):
        provider.shutdown()
        raise OperationsError(
            "traces are set up in this process already", "leave traces_endpoint out"
        )
    trace.set_tracer_provider(provider)
    return provider.shutdown


def _provider(settings: TraceSettings) -> TracerProvider:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
    except ImportError as error:
        raise MissingExtraError(
            f"traces need a package that is not installed ({error.name})",
            "install blockyard[otel], or leave traces_endpoint out",
        ) from error
    about = Resource.create(
        {"service.name": settings.service, "service.version": version("blockyard")}
    )
    provider = TracerProvider(resource=about, sampler=ParentBasedTraceIdRatio(settings.ratio))
    exporter = OTLPSpanExporter(endpoint=settings.endpoint, timeout=10)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _nothing() -> None:
    """Nothing was begun."""
