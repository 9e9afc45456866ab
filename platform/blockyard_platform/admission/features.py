"""What documents may say, and no part of the platform does yet: refused, never passed over in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.plain import is_mapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blockyard_platform.admission.reporting import Report
    from blockyard_platform.admission.walk import Found

_JOB_KEYS = frozenset({"runs-on", "extras"})
"""Keys of a job that nothing reads yet."""


def check_features(document: dict[str, Any], report: Report) -> None:
    """Report what nothing reads of a job."""
    jobs = document.get("jobs")
    if is_mapping(jobs):
        _check_jobs(jobs, report)


def check_extras(stages: Sequence[Found], report: Report) -> None:
    """Report extras of a stage, which nothing reads yet."""
    for found in stages:
        if found.data.get("extras"):
            report.add(
                "unsupported",
                (*found.pointer, "extras"),
                "extras of a stage are not supported yet",
                "take them out",
                key=True,
            )


def _check_jobs(jobs: dict[str, Any], report: Report) -> None:
    for name, job in jobs.items():
        for key in job if is_mapping(job) else ():
            if key in _JOB_KEYS and job[key]:
                report.add(
                    "unsupported",
                    ("jobs", name, key),
                    f"'{key}' of a job is not supported yet",
                    "take it out",
                    key=True,
                )
