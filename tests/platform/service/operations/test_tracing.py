"""Traces: a run and its stages as spans, with a real SDK; nothing where there is none."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from blockyard_platform import Runner
from blockyard_platform.events import Event, RunView
from blockyard_platform.results import RunResult, StageRecord
from blockyard_platform.service.operations.errors import MissingExtraError
from blockyard_platform.service.operations.exporting import TraceSettings, configure_traces
from blockyard_platform.service.operations.tracing import (
    MOST_SPANS,
    checked_traceparent,
    current_traceparent,
    trace_run,
)
from blockyard_schemas.statuses import Code, Status

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
VIEW = RunView("r", "w", Status.WAIT, {})


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Yield where spans end up; the provider is this test's alone, and not the process's."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    found = exporter.get_finished_spans()
    names = [it.name for it in found]
    assert len(names) == len(set(names)), names
    return dict(zip(names, found, strict=True))


def around(found: dict[str, ReadableSpan]) -> dict[str, str]:
    """Return the name of the span that each span lies in."""
    ids = {it.context.span_id: name for name, it in found.items() if it.context is not None}
    return {
        name: ids[it.parent.span_id]
        for name, it in found.items()
        if it.parent is not None and it.parent.span_id in ids
    }


def told(span: ReadableSpan) -> dict[str, Any]:
    return {
        key.removeprefix("blockyard.stage."): value
        for key, value in (span.attributes or {}).items()
        if key.startswith("blockyard.stage.")
    }


DOCUMENT = {
    "name": "report",
    "jobs": {
        "make": {
            "stages": [
                {"id": "join", "uses": "text.join", "with": {"items": ["a", "b"]}},
                {
                    "id": "each",
                    "foreach": [1, 2],
                    "stages": [{"id": "say", "echo": "x"}],
                },
                {
                    "id": "both",
                    "parallel": {
                        "left": [{"id": "one", "echo": "x"}],
                        "right": [{"id": "two", "echo": "x"}],
                    },
                },
                {"id": "bad", "raise": "the key is hunter2", "retry": {"attempts": 2, "delay": 0}},
                {"id": "after", "echo": "never"},
            ]
        }
    },
}


async def test_a_run_is_a_tree_of_spans(spans: InMemorySpanExporter) -> None:
    seen = trace_run(
        "r1", "ant", "report", traceparent=PARENT, mask=lambda it: it.replace("hunter2", "***")
    )
    assert seen is not None
    async with Runner() as runner:
        result = await runner.run(DOCUMENT, on_event=seen.on_event)
    seen.end(result)
    assert result.status is Status.FAILED
    found = by_name(spans)
    run = "run report"
    assert around(found) == {
        "stage make:join": run,
        "stage make:each": run,
        "stage make:each[0]/say": "stage make:each",
        "stage make:each[1]/say": "stage make:each",
        "stage make:both": run,
        "stage make:both/left/one": "stage make:both",
        "stage make:both/right/two": "stage make:both",
        "stage make:bad": run,
        "stage make:after": run,
    }
    whole = found[run]
    assert whole.context is not None
    assert whole.parent is not None
    assert f"{whole.context.trace_id:032x}" == TRACE
    assert f"{whole.parent.span_id:016x}" == SPAN
    assert whole.status.status_code is StatusCode.ERROR
    assert dict(whole.attributes or {}) == {
        "blockyard.run.id": "r1",
        "blockyard.tenant": "ant",
        "blockyard.workflow": "report",
        "blockyard.run.taken_up": False,
        "blockyard.run.status": "FAILED",
    }
    assert told(found["stage make:join"]) == {
        "path": "make:join",
        "kind": "call",
        "status": "SUCCESS",
        "code": "DONE",
        "attempts": 1,
        "block": "text.join",
    }
    assert told(found["stage make:after"])["status"] == "SKIP"
    bad = found["stage make:bad"]
    assert (told(bad)["code"], told(bad)["attempts"]) == ("RAISED", 2)
    assert bad.status.status_code is StatusCode.ERROR
    (event,) = bad.events
    assert (event.name, dict(event.attributes or {})) == (
        "exception",
        {"exception.type": "RAISED", "exception.message": "the key is ***"},
    )
    assert "hunter2" not in "".join(it.to_json() for it in found.values())


async def test_attempts_at_a_stage_that_holds_stages_lie_in_it(spans: InMemorySpanExporter) -> None:
    stages = [
        {
            "id": "outer",
            "retry": {"attempts": 2, "delay": 0},
            "try": [{"id": "inner", "raise": "no"}],
        }
    ]
    seen = trace_run("r1", "ant", "t")
    assert seen is not None
    async with Runner() as runner:
        seen.end(await runner.run({"name": "t", "stages": stages}, on_event=seen.on_event))
    assert around(by_name(spans)) == {
        "stage outer": "run t",
        "stage outer/try/inner": "stage outer",
        "stage outer~2/try/inner": "stage outer",
    }


def record(path: str, *, started: float | None = 1.0, **more: Any) -> StageRecord:
    given: dict[str, Any] = {"status": Status.SUCCESS, "code": Code.DONE, "error": None} | more
    return StageRecord(
        id=path,
        path=path,
        kind="empty",
        outputs={},
        started=started,
        seconds=0.0,
        attempts=1,
        **given,
    )


def test_a_long_run_has_only_so_many_spans(spans: InMemorySpanExporter) -> None:
    seen = trace_run("r1", "ant", "t")
    assert seen is not None
    for number in range(MOST_SPANS + 500):
        path = f"s[{number}]/a"
        seen.on_event(VIEW, Event("stage-started", path))
        seen.on_event(VIEW, Event("stage-finished", path, record(path)))
    seen.end(RunResult("r1", "t", Status.SUCCESS))
    found = spans.get_finished_spans()
    assert len(found) == MOST_SPANS + 1
    assert (found[-1].attributes or {})["blockyard.run.stages_left_out"] == 500


@pytest.mark.parametrize("parked", [True, False])
def test_a_run_that_goes_on_elsewhere_leaves_no_span_open(
    spans: InMemorySpanExporter, parked: bool
) -> None:
    seen = trace_run("r1", "ant", "t", taken_up=True)
    assert seen is not None
    seen.on_event(VIEW, Event("stage-started", "a"))
    seen.on_event(VIEW, Event("stage-started", "a/try/b"))
    seen.end(parked=parked)
    found = by_name(spans)
    assert told(found["stage a/try/b"]) == {"path": "a/try/b", "cut": True}
    assert (found["run t"].attributes or {})["blockyard.run.left"] == (
        "parked" if parked else "lost"
    )
    assert found["run t"].status.status_code is StatusCode.UNSET


def test_long_texts_are_cut(spans: InMemorySpanExporter) -> None:
    seen = trace_run("r1", "ant", "w" * 10_000)
    assert seen is not None
    path = "p" * 10_000
    error = {"name": "RAISED", "message": "m" * 100_000, "line": 7, "text": None}
    seen.on_event(VIEW, Event("stage-started", path))
    failed = record(path, status=Status.FAILED, code=Code.RAISED, error=error)
    seen.on_event(VIEW, Event("stage-finished", path, failed, block="b" * 10_000))
    seen.end()
    assert sum(len(it.to_json()) for it in spans.get_finished_spans()) < 8_000


def test_without_an_sdk_there_is_nothing_to_observe() -> None:
    program = (
        "import sys\n"
        "from blockyard_platform.service.operations.tracing import trace_run, current_traceparent\n"
        f"assert trace_run('r', 'ant', 'w', traceparent={PARENT!r}) is None\n"
        "assert current_traceparent() is None\n"
        "assert not any(it.startswith('opentelemetry.sdk') for it in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_submissions_span_is_carried_as_text(spans: InMemorySpanExporter) -> None:
    tracer = trace.get_tracer("x")
    with tracer.start_as_current_span("POST /runs") as span:
        text = current_traceparent()
        context = span.get_span_context()
    assert text == f"00-{context.trace_id:032x}-{context.span_id:016x}-01"
    seen = trace_run("r1", "ant", "t", traceparent=text)
    assert seen is not None
    seen.end()
    assert around(by_name(spans)) == {"run t": "POST /runs"}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (PARENT, PARENT),
        (PARENT[:-2] + "ff", PARENT),
        (PARENT[:-2] + "00", PARENT[:-2] + "00"),
        (f"cc{PARENT[2:]}", PARENT),
        (f"cc{PARENT[2:]}-more-of-it", PARENT),
        (f"cc{PARENT[2:]}more", None),
        (f"{PARENT}-more", None),
        (f"ff{PARENT[2:]}", None),
        (PARENT.upper(), None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f" {PARENT}", None),
        (f"{PARENT}\n", None),
        (f"cc{PARENT[2:]}-{'x' * 1000}", None),
        ("", None),
        (None, None),
    ],
)
def test_a_traceparent_is_read_strictly(text: str | None, kept: str | None) -> None:
    assert checked_traceparent(text) == kept


@given(st.text())
def test_no_other_text_is_one(text: str) -> None:
    assert checked_traceparent(text) is None


EXPORTS = """
import sys
from blockyard_platform.service.operations.exporting import TraceSettings, configure_traces
from blockyard_platform.service.operations.errors import OperationsError
from blockyard_platform.service.operations.tracing import trace_run
from blockyard_platform.results import RunResult
from blockyard_schemas.statuses import Status
settings = TraceSettings(sys.argv[1], service="trial")
end = configure_traces(settings)
try:
    configure_traces(settings)
except OperationsError as error:
    print(error)
trace_run("r1", "ant", "report").end(RunResult("r1", "report", Status.SUCCESS))
end()
"""


def test_spans_are_sent_to_a_collector() -> None:
    bodies: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}/v1/traces"
    done = subprocess.run(
        [sys.executable, "-c", EXPORTS, endpoint], capture_output=True, text=True, check=True
    )
    server.shutdown()
    thread.join()
    server.server_close()
    assert done.stdout == "traces are set up in this process already\n"
    (body,) = bodies
    (sent,) = ExportTraceServiceRequest.FromString(_plain(body)).resource_spans
    about = {it.key: it.value.string_value for it in sent.resource.attributes}
    assert about["service.name"] == "trial"
    assert [it.name for scope in sent.scope_spans for it in scope.spans] == ["run report"]


def _plain(body: bytes) -> bytes:
    import gzip

    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def test_an_exporter_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match="not installed") as caught:
        configure_traces(TraceSettings("http://127.0.0.1:4318/v1/traces"))
    assert caught.value.hint == "install blockyard[otel], or leave traces_endpoint out"


def test_without_an_endpoint_nothing_is_loaded() -> None:
    configure_traces(TraceSettings())()
    assert type(trace.get_tracer_provider()).__name__ == "ProxyTracerProvider"


@pytest.mark.parametrize("wrong", [{"endpoint": "grpc://x"}, {"ratio": 1.5}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="of traces is"):
        TraceSettings(**wrong)
