"""Trigger rules: whether a job is run, by how the jobs that it needs have ended.

The names are Airflow's. "One" is at least one; a job that was skipped neither failed nor succeeded.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    Rule = Callable[[Collection[Status]], bool]

_BAD = (Status.FAILED, Status.CANCEL)

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "all_success": lambda ended: all(status is Status.SUCCESS for status in ended),
        "all_failed": lambda ended: all(status in _BAD for status in ended),
        "all_done": lambda ended: True,
        "one_success": lambda ended: any(status is Status.SUCCESS for status in ended),
        "one_failed": lambda ended: any(status in _BAD for status in ended),
        "none_failed": lambda ended: not any(status in _BAD for status in ended),
        "none_skipped": lambda ended: Status.SKIP not in ended,
    }
)


def is_due(rule: str, ended: Collection[Status]) -> bool:
    """Whether a job with this rule is run after its needs have ended so; one that needs nothing always is."""
    return not ended or RULES[rule](ended)
