"""Traces: one span a run, one child a stage, made of what the engine tells.

Only the interface of OpenTelemetry is needed. While no SDK is set up, a run is given no observer, and nothing is done.
"""

from __future__ import annotations

import re
from time import time
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from blockyard_platform.service.operations.redaction import redacted_text, shortened
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from blockyard_platform.events import Event, RunView
    from blockyard_platform.results import RunResult, StageRecord

MOST_SPANS = 2_000
"""Stages of one run that have spans; those beyond are counted, and no more."""
_MOST_WORDS = 500
_NAME = "blockyard"
_NS = 1_000_000_000
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_STEP = re.compile(r"(?:[/>:#~]|\[)[^/>:#~\[\]]*\]?\Z")


def checked_traceparent(given: str | None) -> str | None:
    """Return a ``traceparent`` that is one, or None: https://www.w3.org/TR/trace-context/ wants any other one ignored.

    A version that is not known yet may have more after it; what this version has is kept of it, as version 00.
    """
    if given is None or len(given) > 512:
        return None
    found = _PARENT.match(given)
    if found is None or found[1] == "ff" or not int(found[2], 16) or not int(found[3], 16):
        return None
    rest = given[found.end() :]
    if rest and (found[1] == "00" or not rest.startswith("-")):
        return None
    return f"00-{found[2]}-{found[3]}-{int(found[4], 16) & 1:02x}"


def current_traceparent() -> str | None:
    """Return the ``traceparent`` of the span that is at work, to be stored with a submission."""
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return checked_traceparent(carrier.get("traceparent"))


class RunSpans:
    """The spans of one run. ``on_event`` is an observer's; :meth:`end` must be called whatever becomes of the run."""

    def __init__(self, span: Span, tracer: trace.Tracer, mask: Callable[[str], str]) -> None:
        """Use :func:`trace_run`."""
        self._span = span
        self._tracer = tracer
        self._mask = mask
        self._open: dict[str, Span] = {}
        self._made = 0
        self._left_out = 0

    def on_event(self, view: RunView, event: Event) -> None:
        """Take what an engine tells."""
        del view
        if event.kind == "stage-started":
            self._begin(event.path, time())
        elif event.kind == "stage-finished" and event.record is not None:
            self._finish(event.record, event.block)

    def _begin(self, path: str, at: float) -> Span | None:
        if self._made >= MOST_SPANS:
            self._left_out += 1
            return None
        self._made += 1
        span = self._tracer.start_span(
            f"stage {shortened(path, 200)}",
            trace.set_span_in_context(self._around(path)),
            attributes={"blockyard.stage.path": shortened(path, _MOST_WORDS)},
            start_time=int(at * _NS),
        )
        self._open[path] = span
        return span

    def _around(self, path: str) -> Span:
        """Return the span of the nearest stage around a path that is at work, or the run's."""
        while True:
            outer = _STEP.sub("", path, count=1)
            if outer == path:
                return self._span
            path = outer
            if path in self._open:
                return self._open[path]

    def _finish(self, record: StageRecord, block: str | None) -> None:
        span = self._open.pop(record.path, None)
        if span is None and record.started is None:
            span = self._begin(record.path, time())  # It was passed over, and never began.
            self._open.pop(record.path, None)
        if span is None:
            return
        span.set_attribute("blockyard.stage.kind", record.kind)
        span.set_attribute("blockyard.stage.status", record.status.value)
        span.set_attribute("blockyard.stage.code", record.code.name)
        span.set_attribute("blockyard.stage.attempts", record.attempts)
        if block is not None:
            span.set_attribute("blockyard.stage.block", shortened(block, 200))
        if record.error is not None:
            self._tell_error(span, record)
        span.end()

    def _tell_error(self, span: Span, record: StageRecord) -> None:
        error: dict[str, Any] = record.error or {}
        words = self._words(str(error.get("message", "")))
        attributes: dict[str, Any] = {
            "exception.type": record.code.name,
            "exception.message": words,
        }
        if isinstance(error.get("line"), int):
            attributes["blockyard.error.line"] = error["line"]
        span.add_event("exception", attributes)
        if record.status is Status.FAILED:
            span.set_status(StatusCode.ERROR, f"{record.code.name}: {words}")

    def _words(self, text: str) -> str:
        return shortened(redacted_text(self._mask(text)), _MOST_WORDS)

    def end(self, result: RunResult | None = None, *, parked: bool = False) -> None:
        """End the run's span, and what is open in it. Without a result the run goes on elsewhere: it is parked, or was lost."""
        for span in reversed(self._open.values()):
            span.set_attribute("blockyard.stage.cut", value=True)
            span.end()
        self._open.clear()
        if self._left_out:
            self._span.set_attribute("blockyard.run.stages_left_out", self._left_out)
        if result is None:
            self._span.set_attribute("blockyard.run.left", "parked" if parked else "lost")
        else:
            self._span.set_attribute("blockyard.run.status", result.status.value)
            for problem in result.problems[:10]:
                words = self._words(problem.message)
                self._span.add_event(
                    "exception", {"exception.type": problem.rule, "exception.message": words}
                )
            if result.status is Status.FAILED:
                self._span.set_status(StatusCode.ERROR, "the run failed")
        self._span.end()


def trace_run(
    run_id: str,
    tenant: str,
    workflow: str,
    *,
    traceparent: str | None = None,
    taken_up: bool = False,
    mask: Callable[[str], str] = str,
) -> RunSpans | None:
    """Begin the span of a run, beneath that of its submission; None when nobody records spans, and then nothing is to be done.

    ``traceparent`` is what was stored with the submission. ``mask`` takes out the run's secrets: messages of errors may hold them.
    """
    tracer = trace.get_tracer(_NAME)
    parent = checked_traceparent(traceparent)
    context = None
    if parent is not None:
        context = TraceContextTextMapPropagator().extract({"traceparent": parent})
    span = tracer.start_span(
        f"run {shortened(workflow, 200)}",
        context,
        SpanKind.CONSUMER,
        attributes={
            "blockyard.run.id": run_id,
            "blockyard.tenant": tenant,
            "blockyard.workflow": shortened(workflow, _MOST_WORDS),
            "blockyard.run.taken_up": taken_up,
        },
    )
    if not span.is_recording():
        span.end()
        return None
    return RunSpans(span, tracer, mask)
