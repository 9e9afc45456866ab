"""Run and validate workflows from Python.

``run`` and ``arun`` serve one workflow; a ``Runner`` serves many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from blockyard_platform.loops import complete
from blockyard_platform.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_blocks.catalog import Catalog
    from blockyard_platform.admission import Admission
    from blockyard_platform.loading import Document, JournalLike, PolicyLike
    from blockyard_platform.options import Options
    from blockyard_platform.results import RunResult
    from blockyard_platform.secrets.providers import Secrets
    from blockyard_platform.workflows import WorkflowsLike
    from blockyard_sandbox.sandbox import Sandbox


def run(
    document: Document,
    *,
    params: Mapping[str, Any] | None = None,
    texts: Mapping[str, str] | None = None,
    policy: PolicyLike = None,
    catalog: Catalog | None = None,
    workflows: WorkflowsLike = None,
    secrets: Secrets | None = None,
    **options: Unpack[Options],
) -> RunResult:
    """Validate a workflow, run it to its end, and return its result; see :func:`arun`."""
    return complete(
        arun(
            document,
            params=params,
            texts=texts,
            policy=policy,
            catalog=catalog,
            workflows=workflows,
            secrets=secrets,
            **options,
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
    secrets: Secrets | None = None,
    **options: Unpack[Options],
) -> RunResult:
    """Validate a workflow, run it to its end, and return its result.

    ``document`` is a path (``Path``, or text on one line that ends in .yaml, .yml or .json), the text itself, or a dict.
    ``params`` are values; ``texts`` are params as a command line has them, read by each param's type. Without
    ``policy`` that for one person's own machine holds, without ``catalog`` the built-in blocks. A ``sandbox`` is shared
    with other runs and left open. ``workflows`` are those that may be triggered: a folder, or documents by name. With a ``journal`` (a file, or
    a database's URL) the run outlives this process, and is taken up by its ``run_id``: see ``Runner.resume``. For ``dry_run`` and ``on_approval`` see ``Runner.start``, for ``secrets`` ``Runner``. The callbacks may be functions or coroutine functions; one that raises is logged and
    changes nothing: ``on_step_update(run, stage)`` after each stage, ``on_job_finish(run, failed_stage)`` after each job,
    ``on_log(line)`` for each line printed, ``on_event(run, event)`` for all of these and each start.

    What is wrong with the document or the params is in the result's ``problems``. OSError is raised when a file
    cannot be read, InvalidDocumentError when the policy is not valid.
    """
    async with Runner(
        policy=policy,
        catalog=catalog,
        sandbox=sandbox,
        workflows=workflows,
        journal=journal,
        secrets=secrets,
    ) as runner:
        return await runner.run(
            document,
            params=params,
            texts=texts,
            run_id=run_id,
            dry_run=dry_run,
            **options,
        )


def validate(
    document: Document,
    *,
    policy: PolicyLike = None,
    catalog: Catalog | None = None,
    workflows: WorkflowsLike = None,
    secrets: Secrets | None = None,
) -> Admission:
    """Say whether a workflow would be admitted: ``.plan``, or all its ``.problems``. Nothing is run."""
    runner = Runner(policy=policy, catalog=catalog, workflows=workflows, secrets=secrets)
    return runner.admit(document)
