"""What a plan says of itself without being run: attempts, items, combinations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.errors import StageFailureError
from blockyard_platform.matrix import combinations
from blockyard_platform.plain import is_mapping
from blockyard_platform.retrying import MAX_ATTEMPTS
from blockyard_platform.templates import Template
from blockyard_schemas.kinds import MAX_COMBINATIONS

if TYPE_CHECKING:
    from blockyard_platform.plan import Job, Stage


def attempts_of(retry: Any) -> int:
    """Return how often a stage or a job is tried at most."""
    if retry is None:
        return 1
    return MAX_ATTEMPTS if isinstance(retry, Template) else int(retry.attempts)


def tries(attempts: int) -> str:
    """Say so, when it is more than once."""
    return "" if attempts == 1 else f"at most {attempts} attempts"


def joined(*notes: str) -> str:
    """Return the notes that say something, as one."""
    return ", ".join(note for note in notes if note)


def has_open_matrix(job: Job) -> bool:
    """Whether a job's matrix is known only when it runs."""
    return job.strategy is not None and not job.strategy.inputs.constant


def combinations_of(job: Job) -> tuple[int, str]:
    """Return how many combinations a job is run for at most, and how to say so."""
    if job.strategy is None:
        return 1, ""
    if has_open_matrix(job):
        return MAX_COMBINATIONS, f"at most {MAX_COMBINATIONS} combinations"
    try:
        number = len(combinations(job.strategy.inputs.fill(_NO_NAMES)))
    except StageFailureError:
        return 0, "its matrix is not valid"
    return number, f"{number} combination{'s' if number != 1 else ''}"


def fixed(template: Template, key: str, *kinds: type) -> Any:
    """Return one input of a stage when it stands in the document as it is, and is of one of these kinds."""
    if not template.constant:
        return None
    value = template.fill(_NO_NAMES)
    found = value.get(key) if is_mapping(value) else None
    return found if isinstance(found, kinds) and not isinstance(found, bool) else None


def shown(template: Template | None) -> str:
    """Return how the value of a case is shown."""
    if template is None:
        return "else"
    return str(template.fill(_NO_NAMES))[:40] if template.constant else "an expression"


class _NoNames:
    """The names of a document that is not run: none."""

    def find(self, root: str) -> Any:
        """Raise KeyError."""
        raise KeyError(root)


_NO_NAMES = _NoNames()


def asks_guest(stage: Stage) -> bool:
    """Whether an expression of the stage itself is evaluated in the jail."""
    own = (stage.condition, stage.retry, stage.timeout, getattr(stage.body, "inputs", None))
    return any(isinstance(each, Template) and bool(each.guest) for each in own)
