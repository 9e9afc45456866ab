"""Runs come in: admitted, counted, written and queued, all of it or nothing."""

import json
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from blockyard_platform.service.dispatch.tables import QUEUE
from blockyard_platform.service.registry import policies, switches, usage, workflows
from blockyard_platform.service.registry.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    QuotaError,
)
from blockyard_platform.service.registry.switches import SwitchKind
from blockyard_platform.service.registry.usage import Quota
from blockyard_platform.service.runs import details, reading
from blockyard_platform.service.runs.orders import Order, RefusedError
from blockyard_platform.service.runs.views import State
from blockyard_platform.store.tables import RUNS
from blockyard_schemas.statuses import Status

from .conftest import ADMIN, ANT, BEE, SERVICE, Desk, by

HELLO = "name: hello\nparams: {who: {type: string, default: you}}\nstages: [{echo: '${{ params.who }}'}]\n"


def rows(desk: Desk, table: sa.Table) -> list[Any]:
    with desk.database.reading() as work:
        return list(work.connection.execute(sa.select(table)))


def test_a_stored_workflow_is_queued_as_a_run(desk: Desk) -> None:
    accepted = desk.runs.submit(ANT, Order("ant", "report", priority=7))
    assert accepted.new
    assert desk.nudges == ["nudge"]
    with desk.database.reading() as work:
        found = reading.read(work, ANT, "ant", accepted.run_id)
        document = details.document(work, ANT, "ant", accepted.run_id)
    row = found.row
    assert (row.workflow, row.version, row.state, row.status) == (
        "report",
        1,
        State.QUEUED,
        Status.WAIT,
    )
    assert (row.origin, row.priority, row.author, row.created) == (
        "api",
        7,
        "operator-ant",
        desk.clock.now,
    )
    assert document == {"name": "report", "stages": [{"id": "one", "echo": "hello"}]}
    queued = [(it.run, it.tenant, it.state, it.rank) for it in rows(desk, QUEUE)]
    assert queued == [(accepted.run_id, "ant", "QUEUED", -7)]


def test_a_document_comes_with_its_params(desk: Desk) -> None:
    run_id = desk.submit(workflow=None, document=HELLO, params={"who": "me"})
    other = desk.submit(workflow=None, document=HELLO)
    with desk.database.reading() as work:
        assert reading.read(work, ANT, "ant", run_id).params == {"who": "me"}
        found = reading.read(work, ANT, "ant", other)
    assert (found.params, found.row.workflow, found.row.version) == ({"who": "you"}, "hello", None)


def test_a_key_stands_for_one_run(desk: Desk) -> None:
    order = Order("ant", "report", key="k-1")
    first = desk.runs.submit(ANT, order)
    with desk.database.writing() as work:
        policies.put(work, ADMIN, "ant", "{stages: []}")  # what is admitted by now does not count
    assert desk.runs.submit(ANT, order) == replace(first, new=False)
    with pytest.raises(ConflictError, match="another request"):
        desk.runs.submit(ANT, replace(order, priority=1))
    assert len(rows(desk, RUNS)) == len(rows(desk, QUEUE)) == 1


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"workflow": None, "document": "name: x\nstages: [{bash: ls}]\n"}, "FORBIDDEN_STAGE"),
        ({"workflow": None, "document": "name: [\n"}, "yaml"),
        ({"workflow": None, "document": "/etc/passwd.yaml"}, "type"),
        ({"params": {"nobody": 1}}, "param"),
        ({"workflow": None, "document": HELLO, "params": {"who": 1}}, "param"),
    ],
)
def test_what_is_not_admitted_leaves_nothing(given: dict[str, Any], rule: str, desk: Desk) -> None:
    with pytest.raises(RefusedError) as caught:
        desk.submit(key="k", **given)
    assert rule in [it.rule for it in caught.value.found]
    assert rows(desk, RUNS) == rows(desk, QUEUE) == []
    assert desk.submit(key="k") is not None  # the key was not used up


def test_orders_that_cannot_be(desk: Desk) -> None:
    for given in (
        {"workflow": None},
        {"document": "x"},
        {"workflow": None, "document": "x", "version": 1},
        {"priority": 101},
        {"depth": 11},
        {"trace": "x"},
    ):
        with pytest.raises(InvalidError):
            desk.submit(**given)
    with pytest.raises(NotFoundError):
        desk.submit(workflow="none")
    with pytest.raises(NotFoundError):
        desk.submit(version=9)


def test_other_tenants_and_roles_submit_nothing(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="tenant 'ant'"):
        desk.runs.submit(BEE, Order("ant", "report"))
    with pytest.raises(ForbiddenError):
        desk.runs.submit(by("viewer", "ant"), Order("ant", "report"))
    assert rows(desk, RUNS) == []


def test_what_is_stopped_is_refused(desk: Desk) -> None:
    with desk.database.writing() as work:
        switches.stop(work, ADMIN, SwitchKind.WORKFLOW, "report", "it loops", tenant="ant")
    with pytest.raises(RefusedError, match="it loops"):
        desk.submit()
    assert desk.runs.submit(BEE, Order("bee", "report")).new


def test_quotas_hold(desk: Desk) -> None:
    with desk.database.writing() as work:
        usage.set_quota(work, ADMIN, "ant", Quota(runs=2))
    desk.submit()
    desk.submit()
    with pytest.raises(QuotaError, match="2 of the day's 2 runs"):
        desk.submit()
    assert len(rows(desk, QUEUE)) == 2


def test_the_queue_of_a_tenant_is_bounded(desk: Desk) -> None:
    with desk.database.writing() as work:
        policies.put(work, ADMIN, "ant", "{service: {queue: 2}}")
    desk.submit()
    desk.submit()
    with pytest.raises(QuotaError, match="2 runs waiting"):
        desk.submit()
    with desk.database.writing() as work:
        work.change(sa.update(QUEUE).values(state="ENDED"))
    desk.submit()


def test_a_tenant_submits_no_faster_than_allowed(desk: Desk) -> None:
    with desk.database.writing() as work:
        policies.put(work, ADMIN, "ant", "{service: {rate_per_minute: 3}}")
    for _ in range(3):
        desk.submit()
    with pytest.raises(QuotaError, match="more than 3 runs a minute"):
        desk.submit()
    desk.clock.now += 20
    desk.submit()
    with pytest.raises(QuotaError):
        desk.submit()
    desk.clock.now -= 86_400  # the clock is put back: nobody waits for a day
    desk.submit()
    assert desk.runs.submit(BEE, Order("bee", "report")).new


def test_the_newest_version_is_taken_or_the_one_that_is_named(desk: Desk) -> None:
    with desk.database.writing() as work:
        workflows.put(work, by("author", "ant"), "ant", "report", HELLO)
    old, new = desk.submit(version=1), desk.submit()
    with desk.database.reading() as work:
        versions = [reading.read(work, SERVICE, "ant", it).row.version for it in (old, new)]
    assert versions == [1, 2]


def test_params_are_kept_as_they_came(desk: Desk) -> None:
    text = "${{ params }} {: x :} ${HOME} \U0001f600 \\ %"
    run_id = desk.submit(workflow=None, document=HELLO, params={"who": text})
    with desk.database.reading() as work:
        assert reading.read(work, ANT, "ant", run_id).params == {"who": text}
        stored = work.connection.scalar(sa.select(RUNS.c.params))
    assert json.loads(stored or "") == {"who": text}
