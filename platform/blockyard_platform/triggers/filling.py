"""Templates of triggers: what their params and the key of a group may look up, and how they are filled.

There is no guest where they are filled, so that an expression is a path, with filters that are the platform's own, and
nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blockyard_platform.errors import ExpressionError
from blockyard_platform.expressions import parse
from blockyard_platform.placeholders import pieces, texts
from blockyard_platform.syntax import GuestExpression, Path, Piped
from blockyard_platform.templates import Template, compile_template
from blockyard_schemas.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


@dataclass(frozen=True, slots=True)
class Given:
    """What a template may look up: one name, and what is in it."""

    root: str
    fields: tuple[str, ...]


FIRE = Given("fire", ("nominal", "missed", "schedule"))
"""Of a schedule: the time that it was meant for (UTC, ISO 8601), whether it was missed then, and the schedule's name."""
REQUEST = Given("event", ("body", "kind", "path", "id"))
"""Of a webhook: the body as data, what it was read as (json, form, text), the hook's path, and the delivery's id."""
ENDING = Given("event", ("run_id", "workflow", "status", "outputs"))
"""Of the run that has ended."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A text that cannot be a template here; ``path`` is its place."""

    rule: str
    path: tuple[str | int, ...]
    message: str
    hint: str | None


def wrong(value: Any, path: tuple[str | int, ...], given: Given) -> Iterator[Wrong]:
    """Yield what is wrong with the expressions in a value."""
    for text, place in texts(value, path):
        try:
            for literal, source in pieces(text):
                if not literal:
                    _check(source, given)
        except ExpressionError as error:
            yield Wrong(error.rule, place, str(error), error.hint)


def compiled(value: Any, root: str) -> Template:
    """Return a template that looks up this name alone. Raises ExpressionError, also for what a guest would have to answer."""
    template = compile_template(value, frozenset({root}))
    if template.guest:
        raise _no_guest()
    return template


def filled(value: Any, root: str, data: Any) -> Any:
    """Return a value with every expression replaced by what ``data`` has for it. Raises ExpressionError."""
    return compiled(value, root).fill(_Names(root, data))


@dataclass(frozen=True, slots=True)
class _Names:
    root: str
    data: Any

    def find(self, root: str) -> Any:
        """Return the value of the only name."""
        if root != self.root:
            raise KeyError(root)
        return self.data


def _check(source: str, given: Given) -> None:
    expression = parse(source, frozenset({given.root}))
    if isinstance(expression, GuestExpression | Piped):
        raise _no_guest()
    if not isinstance(expression, Path) or not expression.steps:
        return
    key = str(expression.steps[0].key)
    if key not in given.fields:
        raise ExpressionError(
            f"'{given.root}' has no '{key[:60]}' here", _hint(key, given.fields), "unknown-name"
        )


def _hint(key: str, fields: Collection[str]) -> str:
    near = nearest(key, fields)
    return (
        f"did you mean '{near}'?" if near else f"it has: {', '.join(sorted(fields)) or 'nothing'}"
    )


def _no_guest() -> ExpressionError:
    return ExpressionError(
        "nothing can be computed here: there is no guest before a run",
        "look a value up, as in ${{ event.body.id }}, and compute with it in a stage",
    )
