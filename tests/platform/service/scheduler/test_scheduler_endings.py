"""What follows a run: other runs, each once, and never for ever."""

import json
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import NotFoundError
from blockyard_platform.service.runs.orders import MOST_DEPTH, Order
from blockyard_platform.service.runs.settling import Ended
from blockyard_platform.service.scheduler import groups, orders, outgoing, subscriptions
from blockyard_platform.service.scheduler.endings import on_runs_ended
from blockyard_platform.service.scheduler.submitting import Submitter
from blockyard_platform.service.scheduler.tables import FOLLOWERS, ORDERS, OUTGOING
from blockyard_platform.triggers.overlap import Group
from blockyard_schemas.statuses import Status

from .conftest import SERVICE, START, Put, by, every
from .recording import Killed, Recording, nothing

SAID = "{id: '${{ event.run_id }}', of: '${{ event.workflow }}', was: '${{ event.status }}', total: '${{ event.outputs.total? }}'}"


def broken(*_: Any) -> None:
    raise ZeroDivisionError


@pytest.fixture
def submitter(database: Database, runs: Recording) -> Submitter:
    return Submitter(database, runs, runs, runs.failed)


def begin(runs: Recording, workflow: str = "report", tenant: str = "ant", key: str = "k") -> str:
    return runs.submit(Caller.service(tenant), Order(tenant, workflow, key=key)).run_id


def followed(runs: Recording, submitter: Submitter) -> list[tuple[str, dict[str, Any]]]:
    """Submit what is due; return workflow and params of all runs that followed another."""
    submitter.submit()
    return [(name, params) for _, name, origin, params in runs.seen() if origin != "api"]


def test_workflows_that_start_each_other_do_not_multiply_without_end(
    database: Database,
    runs: Recording,
    submitter: Submitter,
    put: Put,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(orders, "MOST_OPEN", 3)
    for number in range(5):
        put(f"w{number}", "on: {after: report}")
    put("w", "on: {after: report}", tenant="bee")
    runs.end(begin(runs))
    found = {it.workflow: it.problem for it in every(database, ORDERS)}
    words = "3 runs wait to begin after others"
    assert found == {"w0": None, "w1": None, "w2": None, "w3": words, "w4": words}
    runs.end(begin(runs, tenant="bee"))
    assert [name for name, _ in followed(runs, submitter)] == ["w0", "w1", "w2", "w"]
    runs.end(begin(runs, key="again"))
    assert len([it for it in every(database, ORDERS) if it.problem is None]) == 3


@pytest.mark.parametrize(
    ("status", "started"),
    [("SUCCESS", ["done", "ok"]), ("FAILED", ["bad", "done"]), ("CANCEL", ["done"]), ("SKIP", [])],
)
def test_who_follows(
    status: str, started: list[str], runs: Recording, submitter: Submitter, put: Put
) -> None:
    put("ok", "on: {after: report}")
    put("bad", "on: {after: {workflow: report, when: failure}}")
    put("done", "on: {after: [{workflow: report, when: done}, other]}")
    put("ok", "on: {after: report}", tenant="bee")
    runs.end(begin(runs), status)
    assert [name for name, _ in followed(runs, submitter)] == started
    assert {it[0] for it in runs.seen()} == {"ant"}


def test_what_they_are_told(runs: Recording, submitter: Submitter, put: Put) -> None:
    put(
        "next",
        f"on: {{after: {{workflow: report, when: done, params: {SAID}}}}}\nparams: {{id: any, of: any, was: any, total: any}}",
    )
    runs.end(begin(runs), "SUCCESS", total=[1, 2])
    runs.end(begin(runs, key="other"), "FAILED")
    assert followed(runs, submitter) == [
        ("next", {"id": "run-ant-1", "of": "report", "was": "SUCCESS", "total": [1, 2]}),
        ("next", {"id": "run-ant-2", "of": "report", "was": "FAILED", "total": None}),
    ]
    assert {it.origin for it in runs.rows()} == {"api", "after/run-ant-1", "after/run-ant-2"}


def test_what_cannot_be_told_is_kept(
    database: Database, runs: Recording, submitter: Submitter, put: Put
) -> None:
    put("next", "on: {after: {workflow: report, params: {x: '${{ event.outputs.total }}'}}}")
    put("large", "on: {after: {workflow: report, params: {x: '${{ event.outputs }}'}}}")
    runs.end(begin(runs), "SUCCESS", text="x" * 70_000)
    assert followed(runs, submitter) == []
    problems = {it.workflow: it.problem for it in every(database, ORDERS)}
    assert "event.outputs has no 'total'" in problems["next"]
    assert "longer than 65536 bytes" in problems["large"]


def test_a_crash_between_loses_nothing(
    database: Database, runs: Recording, submitter: Submitter, put: Put
) -> None:
    put("next", "on: {after: report}")

    def kill(_: Any) -> None:
        raise Killed

    run = begin(runs)
    runs.end(run)
    runs.after = kill
    with pytest.raises(Killed):
        submitter.submit()
    runs.after = nothing
    with database.writing() as work:
        work.change(sa.update(ORDERS).values(lease=0.0))
    assert [name for name, _ in followed(runs, submitter)] == ["next"]
    assert every(database, ORDERS) == []


def test_a_run_that_ends_twice_is_followed_once(
    database: Database, runs: Recording, submitter: Submitter, put: Put
) -> None:
    put("next", "on: {after: report}")
    run = begin(runs)
    for _ in range(2):
        with database.writing() as work:
            work.connection.exec_driver_sql("UPDATE recorded SET status = 'WAIT'")
        runs.end(run)
        assert [name for name, _ in followed(runs, submitter)] == ["next"]


def test_a_circle_ends(database: Database, runs: Recording, submitter: Submitter, put: Put) -> None:
    put("ping", "on: {after: [pong, report]}")
    put("pong", "on: {after: ping}")
    runs.end(begin(runs))
    for _ in range(3 * MOST_DEPTH):
        submitter.submit()
        for row in runs.rows():
            runs.end(row.id)
    assert len(runs.rows()) == 1 + MOST_DEPTH
    assert [it.depth for it in runs.rows()] == list(range(MOST_DEPTH + 1))
    (order,) = every(database, ORDERS)
    assert order.problem == "more than 10 runs have begun one another in a row"


def test_an_end_that_is_undone_starts_nothing(
    database: Database, runs: Recording, submitter: Submitter, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    put("next", "on: {after: report}")
    run = begin(runs)
    with monkeypatch.context() as patched:
        patched.setattr("blockyard_platform.service.scheduler.outgoing.tell_all", broken)
        with pytest.raises(ZeroDivisionError):
            runs.end(run)
    assert followed(runs, submitter) == []
    runs.end(run)
    assert len(followed(runs, submitter)) == 1


def test_what_follows_runs_that_end_together(
    database: Database, runs: Recording, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "MOST_OPEN", 3)
    for tenant in ("ant", "bee"):
        put("good", "on: {after: {workflow: report, params: {of: '${{ event.run_id }}'}}}", tenant)
        put("bad", "on: {after: {workflow: report, when: failure}}", tenant)
    put("other", "on: {after: more}")
    with database.writing() as work:
        more: dict[str, Any]
        for name, tenant, events in (
            ("all", "ant", ["run.succeeded", "run.failed"]),
            ("bad", "ant", ["run.failed"]),
            ("none", "bee", ["run.cancelled"]),
        ):
            more = {"url": "https://a.example/", "events": events, "secret": "K"}
            subscriptions.put(work, by("admin", tenant), tenant, name, **more)
        for run in ("a1", "a2", "wait"):
            groups.join(work, Caller.service("ant"), "ant", run, "key", Group("key", 2))
        for due, schedule in ((9e9, "daily"), (9e9, "never")):
            add = orders.Waiting("bee", f"schedule/{schedule}", "report", "x", 1.0)
            orders.add(work, SERVICE, replace(add, schedule=schedule))
            work.change(sa.update(ORDERS).values(due=due))
        ended = [
            Ended(run, tenant, name, status, origin, 0, key, 0.0, 0.0, {})
            for run, tenant, name, status, origin, key in (
                ("b1", "bee", "report", Status.FAILED, "schedule/daily", None),
                ("a1", "ant", "report", Status.SUCCESS, "api", "key"),
                ("a2", "ant", "more", Status.FAILED, "api", "key"),
                ("a3", "ant", "else", Status.SUCCESS, "schedule/daily", None),
                ("a4", "ant", "else", Status.SUCCESS, "api", None),
                ("b2", "bee", "report", Status.SKIP, "api", None),
            )
        ]
        assert on_runs_ended(work, ended, runs)
    found = {(it.tenant, it.workflow, it.origin): it for it in every(database, ORDERS)}
    assert [it for it in found if it[2] != "x"] == [
        ("ant", "good", "after/a1"),
        ("bee", "bad", "after/b1"),
    ]
    assert json.loads(found["ant", "good", "after/a1"].params) == {"of": "a1"}
    woken = {it.schedule: it.due for it in every(database, ORDERS) if it.schedule}
    assert woken == {"daily": START, "never": 9e9}
    sent = sorted((json.loads(it.body) for it in every(database, OUTGOING)), key=str)
    told = sorted((it["tenant"], it["event"], it["run"]["id"]) for it in sent)
    assert told == [
        ("ant", "run.failed", "a2"),
        ("ant", "run.failed", "a2"),
        ("ant", "run.succeeded", "a1"),
        ("ant", "run.succeeded", "a3"),
        ("ant", "run.succeeded", "a4"),
    ]
    assert [it.due for it in every(database, OUTGOING)].count(None) == 2
    assert runs.let == ["wait"]
    with database.writing() as work:
        assert not on_runs_ended(work, [replace(ended[-1], tenant="ant")], runs)
        with pytest.raises(NotFoundError):
            on_runs_ended(work, [replace(ended[0], tenant="nobody"), *ended], runs)


def test_names_that_nobody_has_are_followed_by_nothing(database: Database, put: Put) -> None:
    put("next", "on: {after: ['no such workflow', 'é']}")
    assert [it.workflow for it in every(database, FOLLOWERS)] == ["no such workflow", "é"]
