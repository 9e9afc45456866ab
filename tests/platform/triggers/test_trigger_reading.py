"""The section ``on``."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockyard_platform.triggers.hooks_out import SIGNATURE
from blockyard_platform.triggers.reading import (
    After,
    Hook,
    Schedule,
    Signature,
    Triggers,
    read_triggers,
)

HOOK = {"path": "orders/new", "secret": "ORDERS"}


def said(value: Any) -> list[tuple[str, str, str]]:
    """Return rule, pointer and message of each problem."""
    return [(each.rule, each.pointer, each.message) for each in read_triggers(value).problems]


def one_schedule(value: Any) -> Schedule:
    found = read_triggers({"schedule": [value]})
    assert found.problems == ()
    (schedule,) = found.schedules
    return schedule


def one_hook(value: Any) -> Hook:
    found = read_triggers({"webhook": value})
    assert found.problems == ()
    (hook,) = found.hooks
    return hook


def test_nothing() -> None:
    assert read_triggers({}) == Triggers()


def test_a_schedule_with_its_defaults() -> None:
    schedule = one_schedule({"cron": "0 6 * * *"})
    assert (schedule.cron.expression, schedule.cron.zone.key) == ("0 6 * * *", "UTC")
    assert (schedule.timezone, schedule.missed, schedule.overlap, schedule.params) == (
        "UTC", "once", "skip", {},
    )  # fmt: skip


def test_a_schedule_with_everything() -> None:
    params: dict[str, Any] = {"month": "${{ fire.nominal }}", "deep": {"a": [1]}}
    schedule = one_schedule(
        {"cronjob": "@hourly", "timezone": "Europe/Paris", "missed": "all", "overlap": "replace", "params": params}
    )  # fmt: skip
    assert (schedule.cron.expression, schedule.cron.zone.key) == ("0 * * * *", "Europe/Paris")
    assert (schedule.timezone, schedule.missed, schedule.overlap) == (
        "Europe/Paris",
        "all",
        "replace",
    )
    params["deep"]["a"].append(2)
    assert schedule.params == {"month": "${{ fire.nominal }}", "deep": {"a": [1]}}


@pytest.mark.parametrize(
    ("interval", "expression"),
    [
        ({"interval": "daily"}, "0 0 * * *"),
        ({"interval": "daily", "time": "06:30"}, "30 6 * * *"),
        ({"interval": "weekly"}, "0 0 * * 1"),
        ({"interval": "weekly", "day": "Friday", "time": "18:05"}, "5 18 * * 5"),
        ({"interval": "weekly", "day": "sun"}, "0 0 * * 0"),
        ({"interval": "monthly"}, "0 0 1 * *"),
        ({"interval": "monthly", "day": 28, "time": "0:00"}, "0 0 28 * *"),
        ({"interval": "monthly", "day": "15"}, "0 0 15 * *"),
    ],
)
def test_intervals(interval: Any, expression: str) -> None:
    assert one_schedule(interval).cron.expression == expression


def test_hooks() -> None:
    assert one_hook(HOOK) == Hook(
        "orders/new", "async", 30.0, Signature("ORDERS", "timestamped", SIGNATURE, 300)
    )
    github = Signature("ORDERS", "github", "X-Hub-Signature-256", 300)
    assert one_hook(HOOK | {"signature": "github"}).signature == github
    own = {"style": "timestamped", "header": "Stripe-Signature", "window": "2m"}
    full = {
        "mode": "sync",
        "timeout": "1m",
        "signature": own,
        "params": {"id": "${{ event.body.id }}"},
    }
    assert one_hook(HOOK | full) == Hook(
        "orders/new", "sync", 60.0, Signature("ORDERS", "timestamped", "Stripe-Signature", 120.0),
        {"id": "${{ event.body.id }}"},
    )  # fmt: skip


def test_after() -> None:
    assert read_triggers({"after": "load"}).after == (After("load"),)
    rows = ["load", {"workflow": "check", "when": "failure"}, {"workflow": "x", "when": "done"}]
    found = read_triggers({"after": rows})
    assert found.after == (After("load"), After("check", "failure"), After("x", "done"))
    assert found.problems == ()
    assert read_triggers({"after": {"workflow": "load"}}).after == (After("load", "success"),)


WRONG: list[tuple[Any, str, str, str]] = [
    (5, "type", "/on", "'on' must be a mapping, not 5"),
    ({"shedule": []}, "unknown-key", "/on/shedule", "on has no key 'shedule'"),
    ({"schedule": {}}, "type", "/on/schedule", "'schedule' must be a list, not a mapping of 0 keys"),
    ({"schedule": [5]}, "type", "/on/schedule/0", "item 1 of 'schedule' must be a mapping, not 5"),
    ({"schedule": [{"cron": "@daily", "a~/b": 1}]}, "unknown-key", "/on/schedule/0/a~0~1b", "a schedule has no key 'a~/b'"),
    ({"schedule": [{}]}, "missing-key", "/on/schedule/0", "a schedule needs the key 'cron'"),
    ({"schedule": [{"cron": "@daily", "cronjob": "@daily"}]}, "kinds", "/on/schedule/0/cronjob", "a schedule has either 'cron' or 'cronjob', not both"),
    ({"schedule": [{"cron": "@daily", "time": "06:00"}]}, "kinds", "/on/schedule/0/time", "'time' belongs to an interval, not to a cron"),
    ({"schedule": [{"cron": 5}]}, "type", "/on/schedule/0/cron", "'cron' must be text, not 5"),
    ({"schedule": [{"cron": "0 25 * * *"}]}, "cron", "/on/schedule/0/cron", "the field hour of the cron expression has '25': it takes 0 to 23"),
    ({"schedule": [{"cron": "${{ params.x }}"}]}, "cron", "/on/schedule/0/cron", "'${{ params.x }}' is not a cron expression of five fields: write minute, hour, day-of-month, month, day-of-week, such as '30 6 * * MON-FRI'"),
    ({"schedule": [{"cron": "@daily", "timezone": "Europe/Pari"}]}, "time-zone", "/on/schedule/0/timezone", "'Europe/Pari' is not a time zone: did you mean 'Europe/Paris'?"),
    ({"schedule": [{"cron": "@daily", "missed": "never"}]}, "choice", "/on/schedule/0/missed", "'missed' must be one of skip, once, all, not text 'never'"),
    ({"schedule": [{"cron": "@daily", "overlap": True}]}, "choice", "/on/schedule/0/overlap", "'overlap' must be one of allow, skip, queue, replace, not true"),
    ({"schedule": [{"cron": "@daily", "params": []}]}, "type", "/on/schedule/0/params", "'params' must be a mapping, not a list of 0 items"),
    ({"schedule": [{"interval": "hourly"}]}, "choice", "/on/schedule/0/interval", "'interval' must be one of daily, weekly, monthly, not text 'hourly'"),
    ({"schedule": [{"interval": "daily", "time": "24:00"}]}, "format", "/on/schedule/0/time", "'time' must be hour and minute, not text '24:00'"),
    ({"schedule": [{"interval": "daily", "day": 1}]}, "kinds", "/on/schedule/0/day", "a daily interval has no day"),
    ({"schedule": [{"interval": "weekly", "day": 1}]}, "choice", "/on/schedule/0/day", "'day' must be one of sunday, monday, tuesday, wednesday, thursday, friday, saturday, not 1"),
    ({"schedule": [{"interval": "monthly", "day": 31}]}, "range", "/on/schedule/0/day", "'day' must be a day from 1 to 28, not 31"),
    ({"webhook": []}, "type", "/on/webhook", "'webhook' must be a mapping, not a list of 0 items"),
    ({"webhook": {"secret": "S"}}, "missing-key", "/on/webhook", "a webhook needs the key 'path'"),
    ({"webhook": {"path": "a"}}, "missing-key", "/on/webhook", "a webhook needs the key 'secret'"),
    ({"webhook": HOOK | {"path": "../admin"}}, "format", "/on/webhook/path", "'path' of a webhook must be 1 to 4 names (a-z, 0-9, _, -) with / between"),
    ({"webhook": HOOK | {"secret": "p4ss w0rd"}}, "format", "/on/webhook/secret", "'secret' of a webhook must be the name of a secret, not the secret itself"),
    ({"webhook": HOOK | {"mode": "later"}}, "choice", "/on/webhook/mode", "'mode' must be one of sync, async, not text 'later'"),
    ({"webhook": HOOK | {"timeout": "1m"}}, "kinds", "/on/webhook/timeout", "a hook that is async does not wait"),
    ({"webhook": HOOK | {"mode": "sync", "timeout": "1h"}}, "range", "/on/webhook/timeout", "'timeout' must be 1 to 300 seconds, not text '1h'"),
    ({"webhook": HOOK | {"mode": "sync", "timeout": "soon"}}, "duration", "/on/webhook/timeout", "'timeout' must be a duration such as 90s or 10m, not text 'soon'"),
    ({"webhook": HOOK | {"signature": "none"}}, "choice", "/on/webhook/signature", "'signature' must be one of timestamped, github, not text 'none'"),
    ({"webhook": HOOK | {"signature": {"style": 1}}}, "choice", "/on/webhook/signature/style", "'style' must be one of timestamped, github, not 1"),
    ({"webhook": HOOK | {"signature": {"header": "a\r\nb"}}}, "format", "/on/webhook/signature/header", "'header' of a webhook must be the name of a header"),
    ({"webhook": HOOK | {"signature": {"style": "github", "window": 5}}}, "kinds", "/on/webhook/signature/window", "a signature in the style of GitHub has no time, so that it has no window"),
    ({"webhook": HOOK | {"signature": {"window": "2h"}}}, "range", "/on/webhook/signature/window", "'window' must be 1 to 3600 seconds, not text '2h'"),
    ({"after": 5}, "type", "/on/after", "'after' must be text, not 5"),
    ({"after": ["a", ""]}, "length", "/on/after/1", "item 2 of 'after' must be text of 1 to 200 characters, not text ''"),
    ({"after": ["a", {"workflow": "a", "when": "done"}]}, "kinds", "/on/after/1", "the workflow 'a' stands twice"),
    ({"after": [{"when": "done"}]}, "missing-key", "/on/after/0", "a start after a workflow needs the key 'workflow'"),
    ({"after": [{"workflow": "a", "when": "always"}]}, "choice", "/on/after/0/when", "'when' must be one of success, failure, done, not text 'always'"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "rule", "pointer", "message"), WRONG)
def test_what_is_wrong(value: Any, rule: str, pointer: str, message: str) -> None:
    assert said(value) == [(rule, pointer, message)]


def test_what_is_wrong_is_left_out_and_the_rest_is_read() -> None:
    found = read_triggers(
        {"schedule": [{"cron": "no"}, {"cron": "@daily"}], "after": ["a", 5], "webhook": {}}
    )
    assert [schedule.cron.expression for schedule in found.schedules] == ["0 0 * * *"]
    assert (found.hooks, found.after) == ((), (After("a"),))
    assert [each.pointer for each in found.problems] == [
        "/on/schedule/0/cron",
        "/on/webhook",
        "/on/webhook",
        "/on/after/1",
    ]


def test_lists_are_bounded() -> None:
    found = read_triggers(
        {"schedule": [{"cron": "@daily"}] * 11, "after": [f"w{n}" for n in range(21)]}
    )
    assert [(each.rule, each.pointer) for each in found.problems] == [
        ("length", "/on/schedule"), ("length", "/on/after"),
    ]  # fmt: skip
    assert (len(found.schedules), len(found.after)) == (10, 20)
    assert said({"webhook": HOOK | {"params": {f"p{n}": 1 for n in range(101)}}}) == [
        ("length", "/on/webhook/params", "'params' must have at most 100 keys")
    ]


WORDS = st.sampled_from(
    ["schedule", "webhook", "after", "cron", "cronjob", "interval", "day", "time", "timezone", "missed", "overlap", "params",
     "path", "secret", "mode", "timeout", "signature", "style", "header", "window", "workflow", "when", "@daily", "daily", "all"]
)  # fmt: skip
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=15,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(WORDS, PLAIN, max_size=4) | PLAIN)
def test_nothing_is_raised(value: Any) -> None:
    for problem in read_triggers(value).problems:
        assert problem.pointer.startswith("/on")
        assert problem.message
