"""Run and validate workflows from Python.

``run`` and ``arun`` serve one workflow. A ``Runner`` holds a policy, a catalog and one sandbox for many.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from blockyard_blocks.catalog import Catalog
    from blockyard_platform.admission import Admission
    from blockyard_platform.engine.handle import RunHandle
    from blockyard_platform.loading import Document, PolicyLike
    from blockyard_platform.results import Event, LogLine, RunResult, RunView, StageRecord
    from blockyard_sandbox.sandbox import Sandbox
    from blockyard_schemas.policy import Policy

    OnStep = Callable[[RunView, StageRecord], Any]
    OnFinish = Callable[[RunView, StageRecord | None], Any]
    OnLog = Callable[[LogLine], Any]
    OnEvent = Callable[[RunView, Event], Any]


def run(
    document: Document,
    *,
    params: Mapping[str, Any] | None = None,
    texts: Mapping[str, str] | None = None,
    policy: PolicyLike = None,
    catalog: Catalog | None = None,
    on_step_update: OnStep | None = None,
    on_job_finish: OnFinish | None = None,
    on_log: OnLog | None = None,
    on_event: OnEvent | None = None,
) -> RunResult:
    """Validate a workflow, run it to its end, and return its result; see :func:`arun`."""
    return asyncio.run(
        arun(
            document,
            params=params,
            texts=texts,
            policy=policy,
            catalog=catalog,
            on_step_update=on_step_update,
            on_job_finish=on_job_finish,
            on_log=on_log,
            on_event=on_event,
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
    on_step_update: OnStep | None = None,
    on_job_finish: OnFinish | None = None,
    on_log: OnLog | None = None,
    on_event: OnEvent | None = None,
) -> RunResult:
    """Validate a workflow, run it to its end, and return its result.

    ``document`` is a path (``Path``, or text on one line that ends in .yaml, .yml or .json), the text itself, or a dict.
    ``params`` are values; ``texts`` are params as a command line has them, read by each param's type. Without
    ``policy`` that for one person's own machine holds, without ``catalog`` the built-in blocks. A ``sandbox`` is shared
    with other runs and left open. The callbacks may be functions or coroutine functions; one that raises is logged and
    changes nothing: ``on_step_update(run, stage)`` after each stage, ``on_job_finish(run, failed_stage)`` after each job,
    ``on_log(line)`` for each line printed, ``on_event(run, event)`` for all of these and each start.

    What is wrong with the document or the params is in the result's ``problems``. OSError is raised when a file
    cannot be read, InvalidDocumentError when the policy is not valid.
    """
    async with Runner(policy=policy, catalog=catalog, sandbox=sandbox) as runner:
        return await runner.run(
            document,
            params=params,
            texts=texts,
            on_step_update=on_step_update,
            on_job_finish=on_job_finish,
            on_log=on_log,
            on_event=on_event,
        )


def validate(
    document: Document, *, policy: PolicyLike = None, catalog: Catalog | None = None
) -> Admission:
    """Say whether a workflow would be admitted: ``.plan``, or all its ``.problems``. Nothing is run."""
    return Runner(policy=policy, catalog=catalog).admit(document)


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
    ) -> None:
        """Read and start nothing yet; what is wrong with the policy is raised when it is first needed."""
        from blockyard_platform.engine.house import House

        self._house = House(policy, catalog, sandbox)

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
        """Close the sandbox, when it is the runner's own."""
        await self._house.close()

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
        return admit(source, self.policy, self.catalog)

    def start(
        self,
        document: Document,
        *,
        params: Mapping[str, Any] | None = None,
        texts: Mapping[str, str] | None = None,
        on_step_update: OnStep | None = None,
        on_job_finish: OnFinish | None = None,
        on_log: OnLog | None = None,
        on_event: OnEvent | None = None,
    ) -> RunHandle:
        """Begin a run in the running event loop; return a handle to wait for it or to cancel it."""
        from blockyard_platform.engine.handle import RunHandle
        from blockyard_platform.engine.observers import Observers

        observers = Observers(on_step_update, on_job_finish, on_log, on_event)
        return RunHandle(self._house, document, dict(params or {}), dict(texts or {}), observers)

    async def run(
        self,
        document: Document,
        *,
        params: Mapping[str, Any] | None = None,
        texts: Mapping[str, str] | None = None,
        on_step_update: OnStep | None = None,
        on_job_finish: OnFinish | None = None,
        on_log: OnLog | None = None,
        on_event: OnEvent | None = None,
    ) -> RunResult:
        """Run a workflow to its end; the arguments are those of :func:`arun`."""
        handle = self.start(
            document,
            params=params,
            texts=texts,
            on_step_update=on_step_update,
            on_job_finish=on_job_finish,
            on_log=on_log,
            on_event=on_event,
        )
        return await handle.result()
