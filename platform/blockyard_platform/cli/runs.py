"""``blockyard runs``: the runs that a server has, or a journal."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from blockyard_platform.cli.family import Family
from blockyard_platform.cli.places import JOURNAL, is_local, refuse
from blockyard_platform.cli.remote import EVERYWHERE, LIMIT, remote
from blockyard_platform.cli.report import print_json, printable
from blockyard_platform.cli.showing import cell, one_line, waiting_words
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blockyard_platform.cli.remote import Remote
    from blockyard_platform.service.api.models.runs import RunOut, StageOut, WaitOut

_COLUMNS = ("id", "tenant", "workflow", "state", "status", "created", "origin")
_STAGE_COLUMNS = ("path", "kind", "status", "code", "seconds", "attempts")
_LOOKED_AT = 1_000
_SHOWN = 5
_STATUSES = ("WAIT", "SUCCESS", "FAILED", "SKIP", "CANCEL")
_STATES = ("queued", "running", "waiting", "ended")


@click.group("runs", cls=Family)
def command() -> None:
    """Show the runs of a server, or of a journal (--journal FILE)."""


@command.command("list")
@JOURNAL
@click.option("--workflow", metavar="NAME", help="Those of a workflow.")
@click.option("--status", type=click.Choice(_STATUSES), help="Those that ended so.")
@click.option("--state", type=click.Choice(_STATES), help="Those that are there.")
@click.option("--origin", metavar="TEXT", help="Those that were begun so: api, schedule/NAME.")
@click.option("--since", metavar="TIME", help="Those submitted since: 24h, 2027-01-31T12:00Z.")
@EVERYWHERE
@LIMIT
@remote
def _list(
    remote: Remote,
    journal: str | None,
    since: str | None,
    limit: int | None,
    *,
    all_tenants: bool,
    **wanted: Any,
) -> int:
    """List runs, the latest first."""
    if is_local(remote, journal):
        from blockyard_platform.cli.journals import list_journal

        more = {"since": since, "limit": limit is not None, "all-tenants": all_tenants}
        refuse("a journal is listed as a whole", wanted | more)
        return list_journal(journal or "", as_json=remote.out.as_json)
    from blockyard_platform.cli.moments import ago

    found = remote.client.list_runs(
        remote.whose(everyone=all_tenants), since=None if since is None else ago(since), **wanted
    )
    remote.out.rows(found, _COLUMNS, limit)
    return 0


@command.command("show")
@click.argument("run")
@remote
def _show(remote: Remote, run: str) -> None:
    """Show a run: where it is, why it waits, what it gave."""
    found = remote.client.get_run(run, tenant=remote.tenant)
    remote.out.one(found, leave=("waits", "queued"))
    if not remote.out.as_json:
        if found.queued is not None:
            click.echo(one_line(f"waits {waiting_words(found.queued)}"))
        for each in found.waits:
            click.echo(f"waits at {printable(_wait(run, each))}")
        for stage in _failed(remote, found):
            click.echo(one_line(f"{stage.path} failed: {_why(stage)}"))


@command.command("stages")
@click.argument("run")
@LIMIT
@remote
def _stages(remote: Remote, run: str, limit: int | None) -> None:
    """List the stages of a run that have ended, in that order."""
    found = remote.client.list_stages(run, tenant=remote.tenant)
    remote.out.rows(found, _STAGE_COLUMNS, limit, why=_why)


@command.command("document")
@click.argument("run")
@remote
def _document(remote: Remote, run: str) -> None:
    """Print the document that a run has, as JSON."""
    print_json(remote.client.get_run_document(run, tenant=remote.tenant))


@command.command("delete")
@click.argument("run")
@remote
def _delete(remote: Remote, run: str) -> None:
    """Delete a run that has ended, with all that is known of it."""
    remote.client.delete_run(run, tenant=remote.tenant)
    remote.out.done(f"The run {run} is gone.", id=run, deleted=True)


def _why(stage: StageOut) -> str:
    """Return why a stage stands as it does, where it has not succeeded."""
    from blockyard_platform.cli.progress import why
    from blockyard_platform.cli.waiting import record_of

    return why(record_of(stage.path, stage.model_dump()))


def _failed(remote: Remote, run: RunOut) -> Iterator[StageOut]:
    """Yield the first stages that failed of a run that did: what is inside another one comes before it."""
    if run.status is Status.FAILED:
        found = islice(remote.client.list_stages(run.id, tenant=run.tenant), _LOOKED_AT)
        yield from islice((it for it in found if it.status is Status.FAILED), _SHOWN)


def _wait(run: str, wait: WaitOut) -> str:
    """Return what a run waits for, and how it is answered."""
    from blockyard_platform.cli.approve import form_fields

    until = "" if wait.due is None else f" until {cell(wait.due)}"
    if wait.kind != "approval":
        return f"{wait.path}{until}"
    if wait.answer is not None:
        return f"{wait.path}: it is answered"
    values = "".join(f" --value {name}=..." for name in form_fields(wait))
    who = wait.asked.get("approvers")
    whose = f" From: {', '.join(map(str, who))}." if isinstance(who, list) and who else ""  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
    return f"{wait.path}{until}: {wait.asked.get('message')}{whose} Answer: blockyard approve {run} {wait.path}{values}"
