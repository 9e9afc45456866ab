"""Metrics: what is counted is what is read, and nothing that others choose makes series without end."""

import asyncio
from collections.abc import Awaitable, Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from prometheus_client.parser import text_string_to_metric_families

from blockyard_platform import Runner
from blockyard_platform.engine.journal import Marks, MemoryJournal
from blockyard_platform.events import Event, RunView
from blockyard_platform.results import RunResult, StageRecord
from blockyard_platform.service.operations.errors import OperationsError
from blockyard_platform.service.operations.metrics import (
    CONTENT_TYPE,
    Metrics,
    MetricsSettings,
)
from blockyard_platform.service.operations.serving import CountRequests, MetricsServer
from blockyard_platform.service.operations.timing import TimedDatabase, TimedJournal
from blockyard_platform.service.registry import tenants
from blockyard_platform.service.registry.errors import InvalidError
from blockyard_schemas.statuses import Code, Status

from ..registry.conftest import ADMIN

VIEW = RunView("r", "w", Status.WAIT, {})


def read(metrics: Metrics) -> dict[str, float]:
    """Return all samples by name and labels, without the times at which series were made."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            if not sample.name.endswith("_created"):
                found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def stage(kind: str, status: Status, *, started: float | None = 1.0) -> Event:
    record = StageRecord("a", "a", kind, status, Code.DONE, {}, None, started, 0.02, 1)
    return Event("stage-finished", "a", record)


def test_runs_are_counted() -> None:
    metrics = Metrics()
    for origin in ("api", "schedule/nightly", "webhook/x", "made up"):
        metrics.run_submitted("ant", origin)
    metrics.run_started("ant")
    metrics.run_ended("ant", Status.SUCCESS, 0.03)
    metrics.run_ended("bee", Status.FAILED, 700.0)
    found = read(metrics)
    assert {key: value for key, value in found.items() if "submitted" in key} == {
        "blockyard_runs_submitted_total{origin=api}": 1,
        "blockyard_runs_submitted_total{origin=schedule}": 1,
        "blockyard_runs_submitted_total{origin=webhook}": 1,
        "blockyard_runs_submitted_total{origin=other}": 1,
    }
    assert found["blockyard_runs_started_total"] == 1
    assert found["blockyard_runs_ended_total{status=SUCCESS}"] == 1
    assert found["blockyard_runs_ended_total{status=FAILED}"] == 1
    assert found["blockyard_run_seconds_sum{status=FAILED}"] == 700
    assert found["blockyard_run_seconds_bucket{le=0.05,status=SUCCESS}"] == 1
    assert found["blockyard_run_seconds_bucket{le=0.025,status=SUCCESS}"] == 0


def test_tenants_are_named_only_when_asked_for_and_only_so_many() -> None:
    metrics = Metrics(MetricsSettings(tenants=2))
    for number in range(1_000):
        metrics.run_submitted(f"t{number}", "api")
        metrics.run_started(f"t{number}")
    metrics.run_ended("t0", Status.SUCCESS, 1.0)
    metrics.run_submitted("other", "api")
    found = read(metrics)
    assert {key: value for key, value in found.items() if "runs_submitted" in key} == {
        "blockyard_runs_submitted_total{origin=api,tenant=t0}": 1,
        "blockyard_runs_submitted_total{origin=api,tenant=t1}": 1,
        "blockyard_runs_submitted_total{origin=api,tenant=other}": 999,
    }
    assert found["blockyard_runs_started_total{tenant=other}"] == 998
    assert found["blockyard_runs_ended_total{status=SUCCESS,tenant=t0}"] == 1
    with pytest.raises(ValueError, match="from 0 to 1000"):
        MetricsSettings(tenants=-1)


async def test_stages_are_counted_from_a_runs_events() -> None:
    metrics = Metrics()
    document = {
        "name": "t",
        "stages": [
            {"id": "a", "echo": "x"},
            {"id": "b", "foreach": [1, 2], "stages": [{"echo": "y"}]},
            {"id": "c", "raise": "no", "continue-on-error": True},
            {"id": "d", "if": "${{ false }}", "echo": "z"},
        ],
    }
    async with Runner() as runner:
        result = await runner.run(document, on_event=metrics.on_event)
    assert result.success
    found = read(metrics)
    assert {key: value for key, value in found.items() if "_stages_" in key} == {
        "blockyard_stages_total{kind=empty,status=SUCCESS}": 3,
        "blockyard_stages_total{kind=empty,status=SKIP}": 1,
        "blockyard_stages_total{kind=foreach,status=SUCCESS}": 1,
        "blockyard_stages_total{kind=raise,status=FAILED}": 1,
    }
    assert found["blockyard_stage_seconds_count{kind=empty}"] == 4


def test_what_never_began_took_no_time_and_unknown_kinds_are_one() -> None:
    metrics = Metrics()
    metrics.on_event(VIEW, stage("call", Status.SKIP, started=None))
    for number in range(100):
        metrics.on_event(VIEW, stage(f"made-up-{number}", Status.SUCCESS))
    metrics.on_event(VIEW, Event("log", "a", None, "x"))
    found = read(metrics)
    assert found["blockyard_stages_total{kind=call,status=SKIP}"] == 1
    assert found["blockyard_stages_total{kind=other,status=SUCCESS}"] == 100
    assert found["blockyard_stage_seconds_count{kind=call}"] == 0


def test_the_rest_is_counted() -> None:
    metrics = Metrics()
    metrics.queue_is(7, 12.5)
    metrics.slots_are(3, 8)
    metrics.lease_lost()
    metrics.webhook("in", "accepted")
    metrics.webhook("out", "spoken")
    metrics.written("queue", 0.002)
    metrics.written("elsewhere", 0.002)
    found = read(metrics)
    expected = {
        "blockyard_queue_runs": 7,
        "blockyard_queue_oldest_seconds": 12.5,
        "blockyard_slots_used": 3,
        "blockyard_slots": 8,
        "blockyard_leases_lost_total": 1,
        "blockyard_webhooks_total{direction=in,outcome=accepted}": 1,
        "blockyard_webhooks_total{direction=out,outcome=other}": 1,
        "blockyard_database_write_seconds_count{part=queue}": 1,
        "blockyard_database_write_seconds_count{part=other}": 1,
    }
    assert {key: found.get(key) for key in expected} == expected
    assert any(it.startswith("blockyard_build_info{python=3.") for it in found)


def test_registries_are_apart_and_rendering_changes_nothing() -> None:
    one, two = Metrics(), Metrics()
    one.lease_lost()
    assert read(one)["blockyard_leases_lost_total"] == 1
    assert read(two)["blockyard_leases_lost_total"] == 0
    assert one.render() == one.render()


def api(metrics: Metrics) -> FastAPI:
    app = FastAPI()

    @app.get("/things/{name}")
    async def thing(name: str) -> str:  # pyright: ignore[reportUnusedFunction]
        if name == "broken":
            raise RuntimeError(name)
        if name == "missing":
            raise HTTPException(404)
        return name

    app.add_middleware(CountRequests, metrics=metrics)
    return app


async def test_requests_are_counted_by_the_template_of_their_route() -> None:
    metrics = Metrics()
    transport = httpx.ASGITransport(api(metrics), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        for number in range(50):
            await client.get(f"/things/{number}?q={number}")
            await client.get(f"/nowhere/{number}")
            await client.request(f"MADE{number}", "/things/x")
        for name in ("broken", "missing"):
            await client.get(f"/things/{name}")
    found = read(metrics)
    assert {key: value for key, value in found.items() if "requests_total" in key} == {
        "blockyard_http_requests_total{method=GET,route=/things/{name},status=200}": 50,
        "blockyard_http_requests_total{method=GET,route=/things/{name},status=500}": 1,
        "blockyard_http_requests_total{method=GET,route=/things/{name},status=404}": 1,
        "blockyard_http_requests_total{method=GET,route=(no route),status=404}": 50,
        "blockyard_http_requests_total{method=other,route=/things/{name},status=405}": 50,
    }
    assert found["blockyard_http_request_seconds_count{route=(no route)}"] == 50


async def test_what_is_no_request_passes_and_a_client_that_left_is_counted() -> None:
    metrics = Metrics()
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])
        if scope["type"] == "http":
            raise asyncio.CancelledError

    async def nothing(*_: Any) -> Any:
        return None

    counting = CountRequests(app, metrics)
    await counting({"type": "lifespan"}, nothing, nothing)
    with pytest.raises(asyncio.CancelledError):
        await counting({"type": "http", "method": "GET"}, nothing, nothing)
    assert seen == ["lifespan", "http"]
    assert read(metrics)["blockyard_http_requests_total{method=GET,route=(no route),status=499}"]


def test_a_process_without_an_api_serves_its_metrics() -> None:
    metrics = Metrics()
    metrics.lease_lost()
    server = MetricsServer(metrics, 0)
    try:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=120)
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Content-Type")) == (200, CONTENT_TYPE)
        assert b"blockyard_leases_lost_total 1.0" in answer.read()
        connection.close()
        with pytest.raises(OperationsError, match=f"127.0.0.1:{server.port}"):
            MetricsServer(metrics, server.port)
    finally:
        server.close()
    with pytest.raises(OperationsError, match="70000"):
        MetricsServer(metrics, 70_000)


async def test_a_journals_writes_are_timed_until_the_run_goes_on() -> None:
    told: list[str] = []

    class Slow(MemoryJournal):
        def finished(self, record: StageRecord, marks: Marks) -> Awaitable[None]:  # type: ignore[override]
            async def later() -> None:
                await asyncio.sleep(0)
                told.append("written")

            return later()

    inner = Slow()
    journal = TimedJournal(inner, lambda part, seconds: told.append(f"{part} {seconds > 0}"))
    record = stage("empty", Status.SUCCESS).record
    assert record is not None
    assert journal.started("a", 1.0) is None
    waiting = journal.finished(record, Marks())
    assert waiting is not None
    assert told == ["journal True"]
    await waiting
    assert journal.pinned("n", "v") is None
    journal.ended(RunResult("r", "w", Status.SUCCESS))
    journal.close()
    assert told == ["journal True", "written", *["journal True"] * 3]
    assert inner.begun == {"a": 1.0}


def test_write_transactions_are_timed(tmp_path: Path) -> None:
    told: list[tuple[str, bool]] = []
    record: Callable[[str, float], None] = lambda part, seconds: told.append((part, seconds > 0))
    database = TimedDatabase(tmp_path / "x.db", record)
    with database.writing() as work:
        tenants.create(work, ADMIN, "ant")
    with database.reading() as work:
        tenants.read(work, ADMIN, "ant")
    with pytest.raises(InvalidError), database.writing() as work:
        tenants.create(work, ADMIN, "NO")
    database.close()
    assert told == [("registry", True)]
