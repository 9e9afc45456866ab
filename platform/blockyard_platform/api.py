"""Run and validate workflows from Python.

``run`` and ``arun`` serve one workflow. A ``Runner`` holds a policy, a catalog and one sandbox for many.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack
from uuid import uuid4

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from blockyard_blocks.catalog import Catalog
    from blockyard_platform.admission import Admission
    from blockyard_platform.engine.handle import RunHandle
    from blockyard_platform.engine.run import Kinds
    from blockyard_platform.loading import Document, PolicyLike
    from blockyard_platform.rehearsal import Mock
    from blockyard_platform.results import Event, LogLine, RunResult, RunView, StageRecord
    from blockyard_platform.store.store import Store
    from blockyard_platform.tickets import NewRun, OnInputChange, ResumedRun
    from blockyard_platform.workflows import WorkflowsLike
    from blockyard_sandbox.sandbox import Sandbox
    from blockyard_schemas.policy import Policy

    class Callbacks(TypedDict, total=False):
        """Functions or coroutine functions that are told of a run; one that raises is logged and changes nothing."""

        on_step_update: Callable[[RunView, StageRecord], Any] | None
        on_job_finish: Callable[[RunView, StageRecord | None], Any] | None
        on_log: Callable[[LogLine], Any] | None
        on_event: Callable[[RunView, Event], Any] | None

    JournalLike = Store | str | os.PathLike[str] | None


def run(
    document: Document,
    *,
    params: Mapping[str, Any] | None = None,
    texts: Mapping[str, str] | None = None,
    policy: PolicyLike = None,
    catalog: Catalog | None = None,
    workflows: WorkflowsLike = None,
    **callbacks: Unpack[Callbacks],
) -> RunResult:
    """Validate a workflow, run it to its end, and return its result; see :func:`arun`."""
    return asyncio.run(
        arun(
            document,
            params=params,
            texts=texts,
            policy=policy,
            catalog=catalog,
            workflows=workflows,
            **callbacks,
        )
    )


async def arun(
    document: Document,
    *,
    params: Mapping[str, Any] | None = None,
    texts: Mapping[str, str] | None = None,
    policy: PolicyLike = None,
    catalog: Catalog | None = None,
    sandbox: Sandbox | None = None,
    workflows: WorkflowsLike = None,
    journal: JournalLike = None,
    run_id: str | None = None,
    dry_run: bool = False,
    **callbacks: Unpack[Callbacks],
) -> RunResult:
    """Validate a workflow, run it to its end, and return its result.

    ``document`` is a path (``Path``, or text on one line that ends in .yaml, .yml or .json), the text itself, or a dict.
    ``params`` are values; ``texts`` are params as a command line has them, read by each param's type. Without
    ``policy`` that for one person's own machine holds, without ``catalog`` the built-in blocks. A ``sandbox`` is shared
    with other runs and left open. ``workflows`` are those that may be triggered: a folder, or documents by name. With a ``journal`` (a file, or
    a database's URL) the run outlives this process, and is taken up by its ``run_id``: see ``Runner.resume``. For ``dry_run`` see ``Runner.start``. The callbacks may be functions or coroutine functions; one that raises is logged and
    changes nothing: ``on_step_update(run, stage)`` after each stage, ``on_job_finish(run, failed_stage)`` after each job,
    ``on_log(line)`` for each line printed, ``on_event(run, event)`` for all of these and each start.

    What is wrong with the document or the params is in the result's ``problems``. OSError is raised when a file
    cannot be read, InvalidDocumentError when the policy is not valid.
    """
    async with Runner(
        policy=policy, catalog=catalog, sandbox=sandbox, workflows=workflows, journal=journal
    ) as runner:
        return await runner.run(
            document,
            params=params,
            texts=texts,
            run_id=run_id,
            dry_run=dry_run,
            **callbacks,
        )


def validate(
    document: Document,
    *,
    policy: PolicyLike = None,
    catalog: Catalog | None = None,
    workflows: WorkflowsLike = None,
) -> Admission:
    """Say whether a workflow would be admitted: ``.plan``, or all its ``.problems``. Nothing is run."""
    return Runner(policy=policy, catalog=catalog, workflows=workflows).admit(document)


class Runner:
    """One policy, one catalog and one sandbox, for many runs.

    As in::

        async with Runner(policy="tenant.yaml") as runner:
            result = await runner.run("report.yaml", params={"month": "2026-01"})

    The sandbox starts when the first run needs it, and is closed at the end unless it was given.
    """

    def __init__(
        self,
        *,
        policy: PolicyLike = None,
        catalog: Catalog | None = None,
        sandbox: Sandbox | None = None,
        workflows: WorkflowsLike = None,
        journal: JournalLike = None,
        data: str | os.PathLike[str] | None = None,
    ) -> None:
        """Read and start nothing yet; what is wrong with the policy is raised when it is first needed.

        ``workflows`` are the documents that may be triggered: a folder, or documents by name. ``journal`` keeps runs beyond this process:
        a file, a database's URL, or a Store, which is left open. ``data`` is the folder for the keys and files of tenants, in place of
        that of BLOCKYARD_DATA. Raises InvalidDocumentError when it cannot be used.
        """
        from blockyard_platform.engine.house import House

        self._store, self._own_store = _store_of(journal)
        state = () if self._store is None else self._store.files()
        self._house = House(policy, catalog, sandbox, workflows, state, data)

    async def __aenter__(self) -> Self:
        """Return the runner; nothing is started yet."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the sandbox, when it is the runner's own."""
        await self.close()

    async def close(self) -> None:
        """Close the sandbox and the journal, when they are the runner's own."""
        await self._house.close()
        if self._store is not None and self._own_store:
            self._store.close()

    @property
    def policy(self) -> Policy:
        """The policy; raises InvalidDocumentError when it is not valid."""
        return self._house.policy

    @property
    def catalog(self) -> Catalog:
        """The catalog."""
        return self._house.catalog

    @property
    def sandbox_started(self) -> bool:
        """Whether a sandbox is there, or on its way."""
        return self._house.started

    def admit(self, document: Document) -> Admission:
        """Say whether the document would be admitted; a text that cannot be read is a problem as any other."""
        from blockyard_platform.admission import Admission, admit
        from blockyard_platform.loading import load_document
        from blockyard_schemas.problems import InvalidDocumentError

        most = self._house.document_bytes
        try:
            source = load_document(document, most)
        except InvalidDocumentError as error:
            return Admission(None, error.problems)
        return admit(source, self.policy, self.catalog, self._house.workflows)

    def start(
        self,
        document: Document,
        *,
        params: Mapping[str, Any] | None = None,
        texts: Mapping[str, str] | None = None,
        run_id: str | None = None,
        mocks: Mapping[str, Mock] | None = None,
        dry_run: bool = False,
        **callbacks: Unpack[Callbacks],
    ) -> RunHandle:
        """Begin a run in the running event loop; return a handle to wait for it or to cancel it.

        ``mocks`` take the place of stages, by node path or id. In a ``dry_run`` nothing with an effect outside of the jail is done,
        nothing is waited for, and no journal is kept. Raises InvalidDocumentError when ``run_id`` has a form that no id may have.
        """
        from blockyard_platform.tickets import NewRun

        given = (document, dict(params or {}), dict(texts or {}), run_id or str(uuid4()))
        if not mocks and not dry_run:
            return self._handle(NewRun(*given, self._store), callbacks)
        from blockyard_platform.rehearsal import rehearsed

        return self._handle(NewRun(*given), callbacks, rehearsed(mocks, dry=dry_run))

    def start_again(
        self,
        run_id: str,
        *,
        params: Mapping[str, Any] | None = None,
        texts: Mapping[str, str] | None = None,
        on_input_change: OnInputChange = "reuse",
        start: str | None = None,
        **callbacks: Unpack[Callbacks],
    ) -> RunHandle:
        """Take up a run of the journal: see :meth:`resume`."""
        from blockyard_platform.tickets import ResumedRun, check_document

        if self._store is None:
            raise ValueError("a run is resumed from a journal: give the runner one")
        stored = self._store.read(run_id)
        check_document(stored)
        given = (dict(params or {}), dict(texts or {}), on_input_change, start)
        return self._handle(ResumedRun(self._store, stored, *given), callbacks)

    def _handle(
        self, ticket: NewRun | ResumedRun, callbacks: Callbacks, kinds: Kinds | None = None
    ) -> RunHandle:
        from blockyard_platform.engine.handle import RunHandle
        from blockyard_platform.engine.observers import Observers

        return RunHandle(self._house, ticket, Observers(**callbacks), kinds)

    async def resume(
        self,
        run_id: str,
        *,
        params: Mapping[str, Any] | None = None,
        texts: Mapping[str, str] | None = None,
        on_input_change: OnInputChange = "reuse",
        start: str | None = None,
        **callbacks: Unpack[Callbacks],
    ) -> RunResult:
        """Take up a run of the journal and bring it to its end; what it has finished is not done again.

        A run that had ended badly is done again from what failed; with ``start``, from that stage (a node path). ``params`` and ``texts``
        change single params; ``on_input_change`` says what becomes of what was done with the old ones: ``reuse`` it,
        ``raise`` (a problem), or ``reset`` all. Raises InvalidDocumentError when there is no such run.
        """
        handle = self.start_again(
            run_id,
            params=params,
            texts=texts,
            on_input_change=on_input_change,
            start=start,
            **callbacks,
        )
        return await handle.result()

    async def run(
        self,
        document: Document,
        *,
        params: Mapping[str, Any] | None = None,
        texts: Mapping[str, str] | None = None,
        run_id: str | None = None,
        mocks: Mapping[str, Mock] | None = None,
        dry_run: bool = False,
        **callbacks: Unpack[Callbacks],
    ) -> RunResult:
        """Run a workflow to its end; the arguments are those of :func:`arun` and :meth:`start`."""
        handle = self.start(
            document,
            params=params,
            texts=texts,
            run_id=run_id,
            mocks=mocks,
            dry_run=dry_run,
            **callbacks,
        )
        return await handle.result()


def _store_of(journal: JournalLike) -> tuple[Store | None, bool]:
    """Return a store, and whether it was opened here."""
    if journal is None:
        return None, False
    from blockyard_platform.store.store import Store

    return (journal, False) if isinstance(journal, Store) else (Store(journal), True)
