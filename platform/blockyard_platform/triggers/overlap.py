"""Runs that would overlap: what a schedule does with a fire while it still runs, and how many of a group run at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Overlap: TypeAlias = Literal["allow", "skip", "queue", "replace"]
"""What a fire does while a run of its schedule is under way."""

OVERLAP: tuple[Overlap, ...] = get_args(Overlap)

MOST_QUEUED = 10
"""Runs of a schedule, or of a group, that wait at most; a run that comes when as many wait is not started."""

LONGEST_KEY = 200
"""Characters of a group's key."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a new run.

    ``cancel`` is how many of those that run are to be cancelled first, the oldest ones; ``drop`` how many of those that wait
    are taken out of the queue, the oldest ones.
    """

    action: Literal["start", "queue", "skip"]
    cancel: int = 0
    drop: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """A concurrency group: ``group`` is the text of its key, in which templates may still stand."""

    group: str
    most: int = 1
    cancel_in_progress: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError for a group in which nothing could run."""
        if self.most < 1:
            raise ValueError(f"at least one run of a group must be allowed, not {self.most}")


def decide(
    overlap: Overlap, running: int, queued: int, *, most_queued: int = MOST_QUEUED
) -> Decision:
    """Return what a fire does when so many runs of its schedule run, and so many wait.

    ``allow`` always starts; ``skip`` starts only when none runs or waits; ``queue`` waits behind them, in order; ``replace``
    cancels all that run, drops all that wait, and starts.
    """
    _check(running, queued)
    if overlap == "replace":
        return Decision("start", cancel=running, drop=queued)
    if overlap == "allow" or running + queued == 0:
        return Decision("start")
    if overlap == "skip" or queued >= most_queued:
        return Decision("skip")
    return Decision("queue")


def join(group: Group, running: int, queued: int, *, most_queued: int = MOST_QUEUED) -> Decision:
    """Return what a new run does in its group: start, wait in order, or be refused where too many wait.

    With ``cancel_in_progress`` it takes the place of the oldest that run, and of all that wait (they are older, and would be
    cancelled as soon as they ran).
    """
    _check(running, queued)
    if group.cancel_in_progress:
        return Decision("start", cancel=max(0, running - group.most + 1), drop=queued)
    if running < group.most and queued == 0:
        return Decision("start")
    return Decision("queue" if queued < most_queued else "skip")


def promoted(most: int, running: int, queued: int) -> int:
    """Return how many of those that wait, the oldest first, may start now."""
    _check(running, queued)
    return max(0, min(queued, most - running))


def group_key(text: str) -> str:
    """Return a filled key of a group as it is compared; raise ValueError for one that is empty, long or not printable.

    The key comes from params, so from a stranger. Two tenants never share a group: keep it beside the tenant's name, not
    joined with it.
    """
    key = text.strip()
    if not key or len(key) > LONGEST_KEY or not key.isprintable():
        raise ValueError(f"the key of a group is 1 to {LONGEST_KEY} printable characters")
    return key


def _check(running: int, queued: int) -> None:
    if running < 0 or queued < 0:
        raise ValueError(f"there cannot be {running} running and {queued} queued runs")
