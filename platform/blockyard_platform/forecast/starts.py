"""What starts a workflow by itself, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blockyard_platform.plan import Plan
    from blockyard_platform.triggers.reading import Triggers


def starts_of(plan: Plan) -> tuple[str, ...]:
    """Return a line for each schedule, webhook and workflow that starts one, and one for its group."""
    found = [] if plan.triggers is None else list(_lines(plan.triggers))
    group = plan.concurrency
    if group is not None:
        ends = ", a new one ends the oldest" if group.cancel_in_progress else ""
        found.append(f"at once: {group.most} of the group {group.group}{ends}")
    return tuple(found)


def _lines(triggers: Triggers) -> Iterator[str]:
    for schedule in triggers.schedules:
        yield (
            f"schedule: {schedule.cron.expression} in {schedule.timezone}"
            f" (missed: {schedule.missed}, overlap: {schedule.overlap})"
        )
    for hook in triggers.hooks:
        yield f"webhook: {hook.name} ({hook.mode}, signed with the secret {hook.signature.secret})"
    for after in triggers.after:
        yield f"after: {after.workflow} ({after.when})"
