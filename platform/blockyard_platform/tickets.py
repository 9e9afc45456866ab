"""Tickets: what a run begins with, and where its journal comes from: a new run's, or that of a run taken up again."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from blockyard_platform.engine.journal import MemoryJournal
from blockyard_platform.loading import load_document
from blockyard_platform.workflows import Kept
from blockyard_schemas.problems import InvalidDocumentError, Problem
from blockyard_schemas.reader import Source

if TYPE_CHECKING:
    from typing import TypeAlias

    from blockyard_platform.engine.journal import Journal, Past
    from blockyard_platform.loading import Document
    from blockyard_platform.plan import Plan
    from blockyard_platform.store.store import Store, StoredRun
    from blockyard_platform.workflows import Workflows

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

    def source(self, most: int) -> Source:
        """Read the document, of at most so many bytes. Raises InvalidDocumentError, or OSError for a file."""
        return load_document(self.document, most)

    def workflows(self, others: Workflows) -> Workflows:
        """Return the workflows that the run can trigger: as they are now."""
        return others

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

    def source(self, most: int) -> Source:
        """Return the document that the run began with; how long it may be was judged then."""
        del most
        return Source(self.stored.document)

    def workflows(self, others: Workflows) -> Workflows:
        """Return the workflows that the run can trigger: as they were when it began."""
        return Kept(lambda: self.store.documents(self.run_id), others)

    @property
    def params(self) -> dict[str, Any]:
        """The params of the run, with those that are changed; those that are given as texts are left out."""
        kept = {key: it for key, it in self.stored.params.items() if key not in self.texts}
        return kept | self.given

    def open(
        self, plan: Plan, document: dict[str, Any], params: dict[str, Any]
    ) -> tuple[Journal, Past | None]:
        """Return the journal and the past, if there is any. Raises InvalidDocumentError when inputs changed, or the stage was never run."""
        from blockyard_platform.store.rows import dumped, fingerprint

        changed = fingerprint(params) != self.stored.fingerprint
        if changed and self.stored.epoch and self.on_input_change == "raise":
            raise _invalid(
                "input-changed",
                f"the params of the run {self.run_id} are not those that it began with",
                "give the same, or choose --on-input-change reuse or reset",
            )
        if changed and self.stored.epoch and self.on_input_change == "reset":
            self.store.reset(self.run_id, params)
        drop = []
        if self.start is not None:
            drop = records_after(plan, self.store.paths(self.run_id), self.run_id, self.start)
        same = dumped(params) == dumped(self.stored.params)
        journal, past = self.store.take(self.run_id, None if same else params, drop)
        return journal, None if past.empty else past


def is_run_id(text: str) -> bool:
    """Whether a run can have this id: it can be a part of a path or a URL."""
    return _RUN_ID.fullmatch(text) is not None


def check_run_id(run_id: str) -> None:
    """Raise InvalidDocumentError for an id that could not be a part of a path or a URL."""
    if not is_run_id(run_id):
        raise _invalid(
            "run-id",
            f"{run_id[:60]!r} cannot be the id of a run",
            "use up to 100 letters, digits, and . _ : - after the first",
        )


def records_after(plan: Plan, paths: list[str], run_id: str, start: str) -> list[str]:
    """Return the records that are done again from a stage on: in its job all since it began, and those of the jobs that need this one.

    ``paths`` are those of all records, in the order in which they ended. Raises InvalidDocumentError when the stage was never run.
    """
    inside = tuple(start + each for each in _INSIDE)
    first = next((i for i, it in enumerate(paths) if it == start or it.startswith(inside)), None)
    if first is None:
        known = ", ".join([it for it in paths if "/" not in it][:8]) or "none"
        raise _invalid(
            "unknown-stage",
            f"the run {run_id} has not run a stage '{start[:80]}'",
            f"name one by its node path; this run has: {known}",
        )
    job = _job_of(start)
    later = _dependents(plan, job)
    return [
        path
        for index, path in enumerate(paths)
        if (index >= first and _job_of(path) == job) or _job_of(path) in later
    ]


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
