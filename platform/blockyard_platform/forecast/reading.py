"""What a plan says of itself without being run: attempts, items, combinations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.errors import StageFailureError
from blockyard_platform.matrix import combinations
from blockyard_platform.plain import is_mapping
from blockyard_platform.plan import Case
from blockyard_platform.retrying import MAX_ATTEMPTS
from blockyard_platform.syntax import GuestExpression, Piped
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


def questions(*parts: Any) -> int:
    """Return how often the jail is asked when templates are filled once: for the expressions of one together, for each block that filters."""
    found = 0
    for template in parts:
        if isinstance(template, Template):
            found += any(isinstance(each, GuestExpression) for each in template.guest)
            pipes = (each for each in template.guest if isinstance(each, Piped))
            found += sum(call.is_block for piped in pipes for call in piped.calls)
    return found


def questions_around(stage: Stage) -> int:
    """Return how often the jail is asked for a stage, however often it is tried."""
    return questions(stage.condition, stage.retry, stage.always, stage.continue_on_error)


def questions_within(stage: Stage) -> int:
    """Return how often the jail is asked for the words of a stage each time that it is tried; a loop's condition is not among them."""
    found = questions(stage.timeout, getattr(stage.body, "inputs", None))
    if isinstance(stage.body, Case):
        values = (match.value for match in stage.body.matches)
        found += questions(*values, stage.body.skip_not_match)
    return found


def seconds_on_clock(stage: Stage, most: float) -> float:
    """Return how long one attempt may take, of so many seconds that are allowed."""
    return min(most, stage.timeout) if isinstance(stage.timeout, int | float) else most
