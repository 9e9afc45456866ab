"""Checkpoints: what a workflow of callables keeps in a journal, and finds there when it is resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.journal import MemoryJournal
from blockyard_platform.manager.errors import InputChangedError, ManagerError, TasksChangedError
from blockyard_platform.manager.values import decode, encode
from blockyard_platform.tickets import ON_INPUT_CHANGE, check_run_id

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from blockyard_platform.engine.journal import Journal, Past
    from blockyard_platform.manager.tasks import Task
    from blockyard_platform.plan import Plan
    from blockyard_platform.results import StageRecord
    from blockyard_platform.store.store import Store
    from blockyard_platform.tickets import OnInputChange


def kept(value: Any) -> dict[str, Any]:
    """Return the outputs of a stage that keep a value; raise ManagerError for one that would not come back as it is."""
    return {"value": encode(value)}


class Checkpoints:
    """The journal of one workflow, and what earlier work on it has left. Without a journal nothing is kept."""

    def __init__(
        self,
        journal: Store | str | os.PathLike[str] | None,
        workflow_id: str,
        *,
        resume: bool,
        on_input_change: OnInputChange,
    ) -> None:
        """Open nothing yet. Raises ManagerError for what does not go together, InvalidDocumentError for the id."""
        if on_input_change not in ON_INPUT_CHANGE:
            known = ", ".join(ON_INPUT_CHANGE)
            raise ManagerError(
                f"on_input_change is one of {known}, not {str(on_input_change)[:40]!r}"
            )
        check_run_id(workflow_id)
        if resume and journal is None:
            raise ManagerError("a workflow is resumed from a journal: give journal=, a file's path")
        self.journal: Journal = MemoryJournal()
        self.past: Past | None = None
        self.keeps = journal is not None
        self._place = journal
        self._id = workflow_id
        self._resume = resume
        self._on_input_change = on_input_change
        self._own: Store | None = None

    @property
    def before(self) -> Mapping[str, StageRecord]:
        """The records that earlier work has left, by node path."""
        return {} if self.past is None else self.past.records

    def value(self, path: str) -> Any:
        """Return the value of a step that was done before; ``None`` when it left none."""
        record = self.before.get(path)
        return None if record is None else decode(record.outputs.get("value"))

    def open(self, plan: Plan, tasks: Sequence[Task], name: str, fingerprint: str | None) -> None:
        """Begin, or find what was done. Raises InputChangedError, TasksChangedError or InvalidDocumentError."""
        if self._place is None:
            return
        from blockyard_platform.store.store import Store

        if isinstance(self._place, Store):
            store = self._place
        else:
            store = self._own = Store(self._place)
        paths = [job.prefix + stage.id for job in plan.jobs for stage in job.stages]
        document = {"name": name, "tasks": paths}
        params = {"input": fingerprint if fingerprint is not None else _inputs(tasks)}
        if not store.has(self._id):
            self.journal = store.create(self._id, name, document, params)
            return
        self._again(store, document, params)
        self.journal, self.past = store.take(self._id, None)

    def close(self) -> None:
        """Close the store, when it was opened here."""
        if self._own is not None:
            self._own.close()

    def _again(self, store: Store, document: dict[str, Any], params: dict[str, Any]) -> None:
        """Look at what was stored; forget it when nothing of it is to stand."""
        from blockyard_platform.store.rows import fingerprint

        stored = store.read(self._id)
        changed = fingerprint(params) != stored.fingerprint
        anew = not self._resume or (changed and self._on_input_change == "reset")
        if changed and self._resume and self._on_input_change == "raise":
            raise InputChangedError(
                f"the workflow {self._id} was begun with another input; give the same, or choose reuse or reset"
            )
        if stored.document.get("tasks") != document["tasks"] and not anew:
            raise TasksChangedError(
                f"the workflow {self._id} was begun with other tasks; give it another id, or run it without resume"
            )
        if anew:
            store.reset(self._id, params, document)


def _inputs(tasks: Sequence[Task]) -> list[Any]:
    found: list[Any] = []
    for task in tasks:
        try:
            found.append(encode(task.initial_context.storage))
        except ManagerError as error:
            raise ManagerError(
                f"the initial context of the task '{task.name}': {error}; or give a fingerprint= of your own"
            ) from None
    return found
