"""What a stored document says of its starts becomes rows, and is taken away with it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from blockyard_platform.service.registry import schedules
from blockyard_platform.service.registry.callers import Caller, Role
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import ConflictError, ForbiddenError, InvalidError
from blockyard_platform.service.registry.schedules import Timing
from blockyard_platform.service.scheduler.syncing import sync, triggers_of
from blockyard_platform.service.scheduler.tables import FOLLOWERS, HOOKS
from blockyard_platform.triggers.reading import Triggers, read_triggers

from .conftest import START, Clock, Put, by, every, make, schedule

NINE = 1_800_003_600.0
"""Nine o'clock (UTC) on the day on which the tests begin at eight."""


def named(database: Database, tenant: str = "ant") -> dict[str, tuple[str, bool]]:
    """Return cron and enabled of a tenant's schedules, by name."""
    with database.reading() as work:
        found = schedules.page(work, by("viewer", tenant)).items
    return {it.name: (it.timing.cron, it.timing.enabled) for it in found}


def switch(database: Database, name: str, *, enabled: bool) -> None:
    with database.writing() as work:
        schedules.switch(work, by("operator", "ant"), "ant", name, enabled=enabled)


def test_a_document_has_its_schedules(database: Database, put: Put) -> None:
    put(
        "daily",
        "on: {schedule: [{cron: '0 9 * * *', params: {a: 1}}, {cron: '@hourly', timezone: Asia/Tokyo, missed: all}]}",
    )
    one, two = schedule(database, "daily.1"), schedule(database, "daily.2")
    assert one.timing == Timing("daily", "0 9 * * *", params={"a": 1}, missed="once", next_at=NINE)
    assert (one.source, one.problem, one.last_at, one.created) == ("daily", None, None, START)
    assert two.timing == Timing(
        "daily", "0 * * * *", "Asia/Tokyo", params={}, missed="all", next_at=NINE
    )  # fmt: skip


def test_what_is_said_no_more_is_taken_away(database: Database, put: Put) -> None:
    make(database, "mine", "0 7 * * *")
    put(
        "w",
        "on: {schedule: [{cron: '0 9 * * *'}], webhook: {path: a/b, secret: S}, after: [report]}",
    )
    assert set(named(database)) == {"mine", "w.1"}
    assert [it.path for it in every(database, HOOKS)] == ["a/b"]
    assert [(it.workflow, it.follower) for it in every(database, FOLLOWERS)] == [("report", "w")]
    put("w", "desc: nothing")
    assert set(named(database)) == {"mine"}
    assert (every(database, HOOKS), every(database, FOLLOWERS)) == ([], [])


def test_what_was_switched_off_stays_off(database: Database, put: Put, clock: Clock) -> None:
    put("w", "on: {schedule: [{cron: '0 9 * * *'}]}")
    switch(database, "w.1", enabled=False)
    put("w", "on: {schedule: [{cron: '0 10 * * *'}]}")
    assert named(database) == {"w.1": ("0 10 * * *", False)}
    put("w", "on: {schedule: [{cron: '0 11 * * *'}, {cron: '0 10 * * *'}]}")
    assert named(database) == {"w.1": ("0 10 * * *", False), "w.2": ("0 11 * * *", True)}
    clock.now += 3 * 3600
    switch(database, "w.1", enabled=True)
    assert schedule(database, "w.1").timing.next_at is None


def test_a_schedule_that_is_the_same_keeps_its_time(
    database: Database, put: Put, clock: Clock
) -> None:
    put("w", "on: {schedule: [{cron: '0 9 * * *'}]}")
    clock.now += 2 * 3600
    put("w", "on: {schedule: [{cron: '0 9 * * *', params: {a: 2}, overlap: allow}]}")
    timing = schedule(database, "w.1").timing
    assert (timing.next_at, timing.params, timing.overlap) == (NINE, {"a": 2}, "allow")


def test_names_that_are_taken_are_passed_over(database: Database, put: Put) -> None:
    make(database, "w.1", "0 7 * * *")
    long = "x" * 100
    put("w", "on: {schedule: [{cron: '0 9 * * *'}]}")
    put(long, "on: {schedule: [{cron: '0 9 * * *'}]}")
    put(long[:95], "on: {schedule: [{cron: '0 8 * * *'}]}")
    assert set(named(database)) == {"w.1", "w.2", f"{'x' * 90}.1", f"{'x' * 90}.2"}
    assert schedule(database, f"{'x' * 90}.2").source == long[:95]


def test_a_schedule_of_a_document_is_changed_there(database: Database, put: Put) -> None:
    put("w", "on: {schedule: [{cron: '0 9 * * *'}]}")
    with database.writing() as work:
        with pytest.raises(ConflictError, match="of the document of the workflow 'w'"):
            schedules.put(work, by("admin", "ant"), "ant", "w.1", Timing("report", "0 1 * * *"))
        with pytest.raises(ConflictError):
            schedules.delete(work, by("admin", "ant"), "ant", "w.1")


def test_a_schedule_of_a_document_is_switched_off_and_on_by_putting_it_as_it_is(
    database: Database, put: Put
) -> None:
    put("w", "on: {schedule: [{cron: '0 9 * * *', timezone: Asia/Tokyo, params: {a: 1}}]}")
    found = schedule(database, "w.1")
    for enabled in (False, True):
        with database.writing() as work:
            timing = replace(found.timing, enabled=enabled, next_at=NINE)
            made = schedules.put(work, by("operator", "ant"), "ant", "w.1", timing)
        assert made == replace(found, timing=replace(timing, next_at=NINE if enabled else None))
    for other in ({"params": {"a": 2}}, {"zone": "UTC"}, {"version": 1}, {"overlap": "allow"}):
        timing = replace(found.timing, enabled=False, **other)
        with database.writing() as work, pytest.raises(ConflictError):
            schedules.put(work, by("operator", "ant"), "ant", "w.1", timing)
    assert schedule(database, "w.1").timing.enabled


def test_a_path_is_one_workflows_in_a_tenant(database: Database, put: Put) -> None:
    put("w", "on: {webhook: {path: a, secret: S}}")
    put("w", "on: {webhook: {path: a, secret: OTHER}}")
    put("w", "on: {webhook: {path: a, secret: S}}", tenant="bee")
    with pytest.raises(ConflictError, match="another workflow has the webhook path 'a'"):
        put("v", "on: {webhook: {path: a, secret: S}}")
    assert [(it.tenant, it.workflow) for it in every(database, HOOKS)] == [
        ("ant", "w"),
        ("bee", "w"),
    ]


@pytest.mark.parametrize(
    "hook",
    [
        "{path: a, secret: S}",
        "{path: a/b, secret: S, mode: sync, timeout: 2m, params: {x: '${{ event.body.y }}'}}",
        "{path: a, secret: S, signature: github}",
        "{path: a, secret: S, signature: {style: timestamped, header: X-Sign, window: 1h}}",
    ],
)
def test_a_hook_is_read_again_as_it_was(hook: str, database: Database, put: Put) -> None:
    put("w", f"on: {{webhook: {hook}}}")
    (row,) = every(database, HOOKS)
    import yaml

    assert read_triggers({"webhook": json.loads(row.spec)}) == read_triggers(
        {"webhook": yaml.safe_load(hook)}
    )


def test_a_workflow_does_not_start_after_itself(put: Put) -> None:
    with pytest.raises(InvalidError, match="would start after itself"):
        put("w", "on: {after: [report, w]}")


def test_who_may_not_make_schedules_makes_none_by_a_document(database: Database) -> None:
    caller = Caller("ant", Role.AUTHOR, frozenset({"workflows:write"}), "t")
    wanted: list[Any] = [
        {"schedule": [{"cron": "@daily"}]},
        {"after": "a"},
        {"webhook": {"path": "a", "secret": "S"}},
    ]
    with database.writing() as work:
        for on in wanted:
            with pytest.raises(ForbiddenError):
                sync(work, caller, "ant", "w", read_triggers(on))
        sync(work, caller, "ant", "w", Triggers())
        with pytest.raises(InvalidError, match="`on` of the workflow: "):
            sync(
                work, by("admin", "ant"), "ant", "w", read_triggers({"schedule": [{"cron": "no"}]})
            )


def test_a_document_without_on_has_no_triggers() -> None:
    assert triggers_of({"name": "t"}) == Triggers()
    assert triggers_of({"name": "t", "on": {"after": "a"}}).after[0].workflow == "a"
