"""Blockyard: validated workflows of blocks and jailed Python, from a library or a command line.

``from blockyard_platform import run`` costs next to nothing: what a name needs is imported when it is first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blockyard_platform.admission import Admission, admit
    from blockyard_platform.api import Runner, arun, run, validate
    from blockyard_platform.engine.handle import RunHandle
    from blockyard_platform.results import (
        Event,
        JobResult,
        LogLine,
        RunResult,
        RunView,
        StageRecord,
    )

_HOMES = {
    "Admission": "admission",
    "Event": "results",
    "JobResult": "results",
    "LogLine": "results",
    "RunHandle": "engine.handle",
    "RunResult": "results",
    "RunView": "results",
    "Runner": "api",
    "StageRecord": "results",
    "admit": "admission",
    "arun": "api",
    "run": "api",
    "validate": "api",
}

__all__ = [
    "Admission",
    "Event",
    "JobResult",
    "LogLine",
    "RunHandle",
    "RunResult",
    "RunView",
    "Runner",
    "StageRecord",
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
