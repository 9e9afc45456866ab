"""Releases, policies and results for the tests of virtual-python stages."""

from __future__ import annotations

from typing import Any

from local_index import LocalIndex, Release

from blockyard_platform import RunResult
from blockyard_platform.results import StageRecord
from blockyard_schemas.policy import Policy

GREETING = Release(
    "greeting", "1.2", {"greeting/__init__.py": "def greet(name):\n    return f'hello {name}'\n"}
)
OLDER = Release("greeting", "1.0", {"greeting/__init__.py": "def greet(name):\n    return 'hi'\n"})
SHOUTING = Release(
    "shouting",
    "2.0",
    {"shouting.py": "from greeting import greet\nloud = greet('you').upper()\n"},
    requires=("greeting>=1",),
)
RELEASES = (GREETING, OLDER, SHOUTING)


def policy_of(index: LocalIndex, **more: Any) -> Policy:
    """Return a policy that allows every package of an index."""
    environment = {"index": {"url": index.url}} | more.pop("environment", {})
    settings: dict[str, Any] = {
        "name": "tenant",
        "tags": "*",
        "stages": ["virtual-python", "bash", "python", "foreach", "parallel", "empty"],
        "packages": [{"name": "*", "extras": "*"}],
        "stage": {"processes": 32, "cpu_seconds": 20},
        "environment": environment,
    }
    return Policy.model_validate(settings | more)


def only(result: RunResult) -> StageRecord:
    """Return the record of the stage ``a``."""
    assert result.problems == (), result.problems
    return result.jobs["main"].stages["a"]
