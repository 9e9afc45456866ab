"""The desk: what a run turns to when it has to wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from blockyard_platform.engine.waits import Parking
    from blockyard_platform.events import RunView
    from blockyard_platform.waits import Answer, Waiting


@dataclass(frozen=True, slots=True)
class Desk:
    """Whether a run may park, the answers that have come while it was parked (by node path), and who is asked at once.

    ``ask(run, waiting)``, a function or a coroutine function, returns an Answer, or ``None`` to leave it to ``RunHandle.answer``.
    """

    parking: Parking | None = None
    answers: Mapping[str, Answer] = field(default_factory=dict[str, "Answer"])
    ask: Callable[[RunView, Waiting], Any] | None = None

    @property
    def staffed(self) -> bool:
        """Whether an approval can be answered at all."""
        return self.parking is not None or self.ask is not None or bool(self.answers)


EMPTY = Desk()
"""A run waits in its process, and nobody can be asked."""
