"""What a forecast is made of: a tree of jobs and stages, each with what it may come to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from blockyard_schemas.problems import Problem


@dataclass(frozen=True, slots=True)
class Count:
    """Executed stages, uses of blocks, and CPU seconds, of one thing or of several together."""

    stages: int = 0
    cpu_seconds: float = 0.0
    uses: Counter[str] = field(default_factory=Counter[str])

    def __add__(self, other: Count) -> Count:
        """Return both together."""
        return Count(
            self.stages + other.stages,
            self.cpu_seconds + other.cpu_seconds,
            self.uses + other.uses,
        )

    def times(self, number: int) -> Count:
        """Return it so many times."""
        uses = Counter({name: count * number for name, count in self.uses.items()})
        return Count(self.stages * number, self.cpu_seconds * number, uses)


@dataclass(frozen=True, slots=True)
class Node:
    """One job, stage, branch or case: ``note`` says how often what is in it is run; ``most`` and ``least`` count all of that."""

    name: str
    kind: str
    note: str = ""
    most: Count = field(default_factory=Count)
    least: Count = field(default_factory=Count)
    nodes: tuple[Node, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        found: dict[str, Any] = {"name": self.name, "kind": self.kind}
        if self.note:
            found["note"] = self.note
        found |= {"least": self.least.stages, "most": self.most.stages}
        if self.nodes:
            found["stages"] = [node.as_dict() for node in self.nodes]
        return found


@dataclass(frozen=True, slots=True)
class Forecast:
    """The whole: the jobs, each limit with what is used of it, what cannot fit whatever happens, and what starts it by itself."""

    name: str
    jobs: tuple[Node, ...]
    used: dict[str, tuple[float, float]]
    problems: tuple[Problem, ...]
    starts: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain data; of each limit ``used`` at most, and ``limit``."""
        return {
            "workflow": self.name,
            "limits": {
                name: {"used": used, "limit": limit} for name, (used, limit) in self.used.items()
            },
            "jobs": [job.as_dict() for job in self.jobs],
            "starts": list(self.starts),
        }
