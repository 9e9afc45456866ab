"""Runs that would overlap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_platform.triggers.overlap import (
    OVERLAP,
    Decision,
    Group,
    Overlap,
    decide,
    group_key,
    join,
    promoted,
)

START, QUEUE, SKIP = Decision("start"), Decision("queue"), Decision("skip")


@pytest.mark.parametrize(
    ("overlap", "running", "queued", "decision"),
    [
        ("allow", 0, 0, START), ("allow", 5, 0, START), ("allow", 5, 50, START),
        ("skip", 0, 0, START), ("skip", 1, 0, SKIP), ("skip", 0, 1, SKIP),
        ("queue", 0, 0, START), ("queue", 1, 0, QUEUE), ("queue", 0, 1, QUEUE),
        ("queue", 1, 9, QUEUE), ("queue", 1, 10, SKIP), ("queue", 0, 10, SKIP),
        ("replace", 0, 0, START), ("replace", 1, 0, Decision("start", cancel=1)),
        ("replace", 2, 3, Decision("start", cancel=2, drop=3)),
    ],
)  # fmt: skip
def test_a_fire_while_others_run(
    overlap: Overlap, running: int, queued: int, decision: Decision
) -> None:
    assert decide(overlap, running, queued) == decision


def test_a_queue_may_be_shorter_or_none() -> None:
    assert decide("queue", 1, 2, most_queued=2) == SKIP
    assert decide("queue", 1, 0, most_queued=0) == SKIP
    assert decide("queue", 0, 0, most_queued=0) == START


@pytest.mark.parametrize(
    ("group", "running", "queued", "decision"),
    [
        (Group("g"), 0, 0, START), (Group("g"), 1, 0, QUEUE), (Group("g"), 1, 10, SKIP),
        (Group("g"), 0, 1, QUEUE),  # not past those that wait
        (Group("g", 3), 2, 0, START), (Group("g", 3), 3, 0, QUEUE), (Group("g", 3), 2, 1, QUEUE),
        (Group("g", 1, True), 0, 0, START), (Group("g", 1, True), 1, 0, Decision("start", cancel=1)),
        (Group("g", 3, True), 2, 0, START), (Group("g", 3, True), 3, 2, Decision("start", 1, 2)),
        (Group("g", 1, True), 4, 0, Decision("start", cancel=4)),  # after `max` was lowered
    ],
)  # fmt: skip
def test_a_run_joins_a_group(group: Group, running: int, queued: int, decision: Decision) -> None:
    assert join(group, running, queued) == decision


@given(st.integers(1, 20), st.booleans(), st.integers(0, 40), st.integers(0, 40))
def test_no_group_runs_more_than_it_may(most: int, cancel: bool, running: int, queued: int) -> None:
    decision = join(Group("g", most, cancel), running, queued)
    if decision.action == "start":
        assert running - decision.cancel + 1 <= most
    assert 0 <= decision.cancel <= running
    assert 0 <= decision.drop <= queued
    assert promoted(most, running, queued) == max(0, min(queued, most - running))


@given(st.sampled_from(OVERLAP), st.integers(0, 40), st.integers(0, 40))
def test_only_allow_runs_two_at_once(overlap: Overlap, running: int, queued: int) -> None:
    decision = decide(overlap, running, queued)
    if decision.action == "start" and overlap != "allow":
        assert running - decision.cancel == 0
    assert queued - decision.drop + (decision.action == "queue") <= max(10, queued)


def test_those_that_wait_start_as_others_end() -> None:
    assert [promoted(3, running, 2) for running in (0, 1, 2, 3, 9)] == [2, 2, 1, 0, 0]


def test_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        Group("g", 0)
    with pytest.raises(ValueError, match="there cannot be"):
        decide("skip", -1, 0)
    with pytest.raises(ValueError, match="there cannot be"):
        join(Group("g"), 0, -1)


def test_a_key_is_bounded() -> None:
    assert group_key(" deploy-prod ") == "deploy-prod"
    for text in ("", "  ", "a" * 201, "a\nb", "a\x00", "\u202eabc"):
        with pytest.raises(ValueError, match="1 to 200 printable"):
            group_key(text)
