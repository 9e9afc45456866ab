"""Blockyard: validated workflows of blocks and jailed Python, from a library or a command line.

``from blockyard_platform import run`` costs next to nothing: what a name needs is imported when it is first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blockyard_platform.admission import Admission, admit
    from blockyard_platform.api import arun, run, validate
    from blockyard_platform.engine.handle import RunHandle
    from blockyard_platform.engine.premises import Premises
    from blockyard_platform.engine.waits import Parking
    from blockyard_platform.events import Event, RunView
    from blockyard_platform.results import JobResult, LogLine, RunResult, StageRecord
    from blockyard_platform.runner import Runner
    from blockyard_platform.waits import Answer, Waiting

_HOMES = {
    "Admission": "admission",
    "Answer": "waits",
    "Event": "events",
    "JobResult": "results",
    "LogLine": "results",
    "Parking": "engine.waits",
    "Premises": "engine.premises",
    "RunHandle": "engine.handle",
    "RunResult": "results",
    "RunView": "events",
    "Runner": "runner",
    "StageRecord": "results",
    "Waiting": "waits",
    "admit": "admission",
    "arun": "api",
    "run": "api",
    "validate": "api",
}

__all__ = [
    "Admission",
    "Answer",
    "Event",
    "JobResult",
    "LogLine",
    "Parking",
    "Premises",
    "RunHandle",
    "RunResult",
    "RunView",
    "Runner",
    "StageRecord",
    "Waiting",
    "admit",
    "arun",
    "run",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'blockyard_platform' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"blockyard_platform.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
