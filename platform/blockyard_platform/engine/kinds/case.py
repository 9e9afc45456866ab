"""The case stage: runs the first list of stages whose entry fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.conditions import truth
from blockyard_platform.engine.nested import failure_of, stages_of
from blockyard_platform.engine.scope import Scope
from blockyard_platform.errors import StageFailureError, StageSkipError
from blockyard_platform.filters import text_of
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.plan import Case, Match
    from blockyard_platform.results import Outputs


async def execute(run: Run, body: Case, scope: Scope, path: str) -> Outputs:
    """Run the stages of the entry that fits; without one, those of ``else``.

    Entries are tried in order, and an entry's expression is evaluated only when no earlier one fits. When nothing fits
    the stage fails, or is skipped when it says ``skip-not-match``.
    """
    subject = await run.fill(body.inputs, scope)
    inner = Scope(scope, {"case": subject})
    chosen = await _choose(run, body, subject, inner)
    if chosen is None:
        return await _nothing(run, body, subject, scope)
    failed = await run.stages(chosen.stages, inner, path + "/")
    outputs: Outputs = {"case": subject, "stages": stages_of(inner)}
    if failed is not None:
        raise failure_of(run, failed, outputs)
    return outputs


async def _choose(run: Run, body: Case, subject: Any, scope: Scope) -> Match | None:
    for match in body.matches:
        if match.value is not None and _fits(
            subject, await run.fill(match.value, scope), condition=not match.value.constant
        ):
            return match
    return next((match for match in body.matches if match.value is None), None)


def _fits(subject: Any, value: Any, *, condition: bool) -> bool:
    """Whether an entry fits: equal as written or as text; an expression that gives true fits, too."""
    if condition and value is True:
        return True
    if isinstance(value, bool) or isinstance(subject, bool):
        return text_of(value) == text_of(subject)  # for Python, true equals 1
    return bool(value == subject) or text_of(value) == text_of(subject)


async def _nothing(run: Run, body: Case, subject: Any, scope: Scope) -> Outputs:
    outputs: Outputs = {"case": subject, "stages": {}}
    if truth(await run.fill(body.skip_not_match, scope)):
        raise StageSkipError(Code.SKIPPED, outputs)
    raise StageFailureError(
        Code.INVALID_ARGUMENT,
        f"no entry of match fits {text_of(subject)[:60]!r}; add `- else: [...]`, or skip-not-match: true",
        outputs=outputs,
    )
