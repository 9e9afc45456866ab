"""Documents of other systems as ours, with a report of all that has no equal here or means something else.

Nothing of a foreign document is run, evaluated or compiled; its reader has held it to the bounds of our own documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from blockyard_platform.plain import is_mapping

if TYPE_CHECKING:
    from blockyard_schemas.problems import Problem
    from blockyard_schemas.reader import Source

System: TypeAlias = Literal["pyconduit", "ddeutil"]
"""The systems whose documents are converted."""

NO_EQUAL = "no-equal"
"""The rule of what the converted document lacks, or holds in a form that will be refused."""
DIFFERS = "differs"
"""The rule of what is converted and does not mean quite the same."""

_OURS = frozenset({"stages", "outputs", "timeout", "max-parallel"})


@dataclass(frozen=True, slots=True)
class Converted:
    """Our document, and what is to be said of it; pointers and lines are those of the foreign file."""

    document: dict[str, Any]
    report: tuple[Problem, ...] = ()

    @property
    def lost(self) -> tuple[Problem, ...]:
        """What has no equal."""
        return tuple(problem for problem in self.report if problem.rule != DIFFERS)


def convert(system: System, source: Source, *, name: str = "converted") -> Converted:
    """Return our document for a foreign one; ``name`` is used when it bears none.

    Raises InvalidDocumentError when it has not the outline of a document of that system.
    """
    if system == "ddeutil":
        from blockyard_platform.convert.ddeutil.workflow import convert_workflow

        return convert_workflow(source, name)
    from blockyard_platform.convert.pyconduit.job import convert_job

    return convert_job(source, name)


def recognise(value: Any) -> System | None:
    """Say which system a document that has been read is surely of; ``None`` for our own and all others.

    ddeutil-workflow's have one key, the name, over a mapping with ``type: Workflow``; or ``type: Workflow`` beside ``name`` and
    ``jobs``, and no key that only ours have.
    """
    if not is_mapping(value):
        return None
    if len(value) == 1:
        inner = next(iter(value.values()))
        return "ddeutil" if _is_workflow(inner) else None
    flat = _is_workflow(value) and "name" in value and is_mapping(value.get("jobs"))
    return "ddeutil" if flat and not _OURS & value.keys() else None


def _is_workflow(value: Any) -> bool:
    return is_mapping(value) and value.get("type") == "Workflow"
