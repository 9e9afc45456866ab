"""A ``Runner`` holds a policy, a catalog and one sandbox for many workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, Unpack
from uuid import uuid4

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from types import TracebackType

    from blockyard_blocks.catalog import Catalog
    from blockyard_platform.admission import Admission
    from blockyard_platform.engine.handle import RunHandle
    from blockyard_platform.engine.premises import Premises
    from blockyard_platform.engine.run import Kinds
    from blockyard_platform.loading import Document, JournalLike, PolicyLike
    from blockyard_platform.options import Options
    from blockyard_platform.rehearsal import Mock
    from blockyard_platform.results import RunResult
    from blockyard_platform.secrets.providers import Secrets
    from blockyard_platform.tickets import NewRun, OnInputChange, ResumedRun
    from blockyard_platform.waits import Answer
    from blockyard_platform.workflows import WorkflowsLike
    from blockyard_sandbox.sandbox import Sandbox
    from blockyard_schemas.policy import Policy


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
        secrets: Secrets | None = None,
        premises: Premises | None = None,
    ) -> None:
        """Read and start nothing yet; what is wrong with the policy is raised when it is first needed.

        ``workflows`` are the documents that may be triggered: a folder, or documents by name. ``journal`` keeps runs beyond this process:
        a file, a database's URL, or a Store, which is left open. ``data`` is the folder for the keys and files of tenants, in place of
        that of BLOCKYARD_DATA. ``premises`` take the place of catalog, sandbox and data, are shared with other runners, and left open.
        ``secrets`` are those that documents and the policy may refer to. Raises InvalidDocumentError when the journal cannot be used,
        ValueError for parts that do not go together.
        """
        from blockyard_platform.engine.house import House
        from blockyard_platform.loading import load_journal

        self._store, self._own_store = load_journal(journal)
        state = () if self._store is None else self._store.files()
        self._house = House(
            policy,
            catalog,
            workflows,
            premises,
            sandbox=sandbox,
            state=state,
            data=data,
            secrets=secrets,
        )

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

        house = self._house
        try:
            source = load_document(document, house.document_bytes)
        except InvalidDocumentError as error:
            return Admission(None, error.problems)
        return admit(source, house.policy, house.catalog, house.workflows, house.secrets)

    async def check(self, document: Document) -> Admission:
        """Say as :meth:`admit` does whether the document would be admitted, and have a guest compile its Python, which is not run.

        Raises SandboxUnavailableError when there is Python in it and no guest can be had.
        """
        from blockyard_platform.admission import Admission
        from blockyard_platform.proofreading import proofread
        from blockyard_schemas.problems import InvalidDocumentError

        try:
            return await proofread(document, self._house)
        except InvalidDocumentError as error:
            return Admission(None, error.problems)

    def start(
        self,
        document: Document,
        *,
        params: Mapping[str, Any] | None = None,
        texts: Mapping[str, str] | None = None,
        run_id: str | None = None,
        mocks: Mapping[str, Mock] | None = None,
        dry_run: bool = False,
        **options: Unpack[Options],
    ) -> RunHandle:
        """Begin a run in the running event loop; return a handle to wait for it or to cancel it.

        With ``parking`` the run stops while all that it does is to wait: its result has the status WAIT, ``parked`` and ``wakes``, and
        :meth:`start_again` goes on from there. ``on_approval(run, waiting)`` answers approvals: it returns an Answer, or ``None`` to leave
        it to ``RunHandle.answer``. Without either, a document with approvals is refused. ``mocks`` take the place of stages, by node path or id. In a ``dry_run`` nothing with an effect outside of the jail is done,
        nothing is waited for, and no journal is kept. Raises InvalidDocumentError when ``run_id`` has a form that no id may have.
        """
        from blockyard_platform.tickets import NewRun

        given = (document, dict(params or {}), dict(texts or {}), run_id or str(uuid4()))
        if not mocks and not dry_run:
            return self._handle(NewRun(*given, self._store), options)
        from blockyard_platform.rehearsal import rehearsed

        return self._handle(NewRun(*given), options, rehearsed(mocks, dry=dry_run))

    def start_again(
        self,
        run_id: str,
        *,
        params: Mapping[str, Any] | None = None,
        texts: Mapping[str, str] | None = None,
        on_input_change: OnInputChange = "reuse",
        start: str | None = None,
        answers: Mapping[str, Answer] | None = None,
        **options: Unpack[Options],
    ) -> RunHandle:
        """Take up a run of the journal: see :meth:`resume`, and :meth:`start`.

        ``answers`` are those that came to approvals meanwhile, by node path; one that does not fit the form is put aside, and logged.
        """
        from blockyard_platform.tickets import ResumedRun, check_document

        if self._store is None:
            raise ValueError("a run is resumed from a journal: give the runner one")
        stored = self._store.read(run_id)
        check_document(stored)
        given = (dict(params or {}), dict(texts or {}), on_input_change, start)
        return self._handle(ResumedRun(self._store, stored, *given), options, answers=answers)

    def _handle(
        self,
        ticket: NewRun | ResumedRun,
        options: Options,
        kinds: Kinds | None = None,
        answers: Mapping[str, Answer] | None = None,
    ) -> RunHandle:
        from blockyard_platform.engine.desk import Desk
        from blockyard_platform.engine.handle import RunHandle
        from blockyard_platform.engine.observers import Observers

        parking = options.get("parking")
        if parking is not None and self._store is None:
            raise ValueError("a run parks in a journal: give the runner one")
        desk = Desk(parking, answers or {}, options.get("on_approval"))
        observers = Observers(
            options.get("on_step_update"),
            options.get("on_job_finish"),
            options.get("on_log"),
            options.get("on_event"),
        )
        return RunHandle(self._house, ticket, observers, kinds, desk=desk)

    async def resume(
        self,
        run_id: str,
        *,
        params: Mapping[str, Any] | None = None,
        texts: Mapping[str, str] | None = None,
        on_input_change: OnInputChange = "reuse",
        start: str | None = None,
        answers: Mapping[str, Answer] | None = None,
        **options: Unpack[Options],
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
            answers=answers,
            **options,
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
        **options: Unpack[Options],
    ) -> RunResult:
        """Run a workflow to its end, or to where it parks; the arguments are those of :func:`arun` and :meth:`start`."""
        handle = self.start(
            document,
            params=params,
            texts=texts,
            run_id=run_id,
            mocks=mocks,
            dry_run=dry_run,
            **options,
        )
        return await handle.result()
