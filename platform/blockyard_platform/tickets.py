"""Tickets: what a run begins with, and where its journal comes from: a new run's, or that of a run taken up again."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from blockyard_platform.engine.journal import MemoryJournal
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from typing import TypeAlias

    from blockyard_platform.engine.journal import Journal, Past
    from blockyard_platform.loading import Document
    from blockyard_platform.plan import Plan
    from blockyard_platform.store.store import Store, StoredRun

OnInputChange: TypeAlias = Literal["reuse", "raise", "reset"]
ON_INPUT_CHANGE: tuple[OnInputChange, ...] = ("reuse", "raise", "reset")

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")
_JOB = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*)(?:\[\d+\])?(?:~\d+)?:")
_INSIDE = ("/", "[", "#", ">", "~")


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that begins: ``store`` keeps it beyond this process when there is one."""

    document: Document
    params: dict[str, Any]
    texts: dict[str, str]
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    store: Store | None = None

    def __post_init__(self) -> None:
        """Refuse an id that could not be a part of a path or a URL."""
        check_run_id(self.run_id)

    def open(
        self, plan: Plan, document: dict[str, Any], params: dict[str, Any]
    ) -> tuple[Journal, Past | None]:
        """Return the journal. Raises InvalidDocumentError when the store has such a run."""
        if self.store is None:
            return MemoryJournal(), None
        return self.store.create(self.run_id, plan.name, document, params), None


@dataclass(frozen=True, slots=True)
class ResumedRun:
    """A run that is taken up: what it has finished stands.

    ``params`` and ``texts`` change single params; ``on_input_change`` says what then becomes of what was done with the old ones:
    ``reuse`` it, ``raise`` an error, or ``reset`` and begin anew. ``start`` names a stage, by its node path, from which the run is done again.
    """

    store: Store
    stored: StoredRun
    given: dict[str, Any] = field(default_factory=dict[str, Any])
    texts: dict[str, str] = field(default_factory=dict[str, str])
    on_input_change: OnInputChange = "reuse"
    start: str | None = None

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self.stored.id

    @property
    def document(self) -> Document:
        """The document that the run began with."""
        return self.stored.document

    @property
    def params(self) -> dict[str, Any]:
        """The params of the run, with those that are changed; those that are given as texts are left out."""
        kept = {key: it for key, it in self.stored.params.items() if key not in self.texts}
        return kept | self.given

    def open(
        self, plan: Plan, document: dict[str, Any], params: dict[str, Any]
    ) -> tuple[Journal, Past | None]:
        """Return the journal and the past. Raises InvalidDocumentError when inputs changed, or the stage was never run."""
        if self._changed(params) and self.on_input_change == "raise":
            raise _invalid(
                "input-changed",
                f"the params of the run {self.run_id} are not those that it began with",
                "give the same, or choose --on-input-change reuse or reset",
            )
        if self._changed(params) and self.on_input_change == "reset":
            self.store.reset(self.run_id, params)
        drop = [] if self.start is None else self._after(plan, self.start)
        return self.store.take(self.run_id, params, drop)

    def _changed(self, params: dict[str, Any]) -> bool:
        from blockyard_platform.store.rows import fingerprint

        return fingerprint(params) != self.stored.fingerprint

    def _after(self, plan: Plan, start: str) -> list[str]:
        """Return the records that are done again: in the stage's job all since it began, and those of the jobs that need this one."""
        paths = self.store.paths(self.run_id)
        inside = tuple(start + each for each in _INSIDE)
        first = next(
            (i for i, it in enumerate(paths) if it == start or it.startswith(inside)), None
        )
        if first is None:
            known = ", ".join([it for it in paths if "/" not in it][:8]) or "none"
            raise _invalid(
                "unknown-stage",
                f"the run {self.run_id} has not run a stage '{start[:80]}'",
                f"name one by its node path; this run has: {known}",
            )
        job = _job_of(start)
        later = _dependents(plan, job)
        return [
            path
            for index, path in enumerate(paths)
            if (index >= first and _job_of(path) == job) or _job_of(path) in later
        ]


def check_run_id(run_id: str) -> None:
    """Raise InvalidDocumentError for an id that could not be a part of a path or a URL."""
    if not _RUN_ID.fullmatch(run_id):
        raise _invalid(
            "run-id",
            f"{run_id[:60]!r} cannot be the id of a run",
            "use up to 100 letters, digits, and . _ : - after the first",
        )


def check_document(stored: StoredRun) -> None:
    """Raise InvalidDocumentError for a run of callables: the journal has their names, not what they do."""
    if "tasks" in stored.document:
        raise _invalid(
            "run-id",
            f"the run {stored.id} is one of Python tasks, not of a document",
            "take it up where its tasks are: Manager(..., resume=True), or blockyard tasks ... --resume",
        )


def _job_of(path: str) -> str | None:
    found = _JOB.match(path)
    return None if found is None else found[1]


def _dependents(plan: Plan, job: str | None) -> set[str]:
    """Return the jobs that come after a job; the plan's order need not be theirs."""
    found: set[str] = set()
    heap = [job]
    while heap:
        needed = heap.pop()
        for each in plan.jobs:
            if needed in each.needs and each.name not in found:
                found.add(each.name)
                heap.append(each.name)
    return found


def _invalid(rule: str, message: str, hint: str) -> InvalidDocumentError:
    return InvalidDocumentError([Problem(rule, "", message, hint)])
