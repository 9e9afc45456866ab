"""``blockyard approve``: the answer that a run waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import click

from blockyard_platform.cli.inputs import split_params
from blockyard_platform.cli.logs import LEFT_OUT
from blockyard_platform.cli.remote import remote
from blockyard_platform.cli.report import note, print_json
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_platform.cli.remote import Remote
    from blockyard_platform.service.api.models.runs import RunOut, WaitOut


_LOOK_SECONDS = 2.0


@click.command("approve")
@click.argument("run")
@click.argument("path", required=False)
@click.option("--refuse", is_flag=True, help="Say no.")
@click.option(
    "--value", "pairs", metavar="K=V", multiple=True, help="A field of the form that is asked."
)
@click.option("--comment", metavar="TEXT", help="Why.")
@click.option("--wait", is_flag=True, help="Wait until it asks, if it does not yet.")
@remote
def command(
    remote: Remote,
    run: str,
    path: str | None,
    pairs: tuple[str, ...],
    comment: str | None,
    *,
    refuse: bool,
    wait: bool,
) -> None:
    """Approve what RUN waits for, or refuse it. PATH is the stage that asks, where there are several."""
    client, tenant = remote.client, remote.tenant
    texts = split_params(pairs, "--value")
    looked = client.get_run(run, tenant=tenant)
    if wait and not _asked(looked, path):
        _wait(remote, run, path)
        looked = client.get_run(run, tenant=tenant)
    asking = _asking(looked, path)
    values = _values(texts, form_fields(asking))
    found = client.answer_run(
        run, asking.path, approved=not refuse, values=values, comment=comment, tenant=tenant
    )
    if remote.out.as_json:
        print_json(found.model_dump(mode="json"))
    else:
        note(f"{asking.path} is {'refused' if refuse else 'approved'}.")


def form_fields(wait: WaitOut) -> dict[str, Any]:
    """Return the fields of the form that is asked, by name."""
    form = wait.asked.get("form")
    found = cast("dict[str, Any]", form).get("properties") if isinstance(form, dict) else None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _values(texts: Mapping[str, str], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return texts as values by the types of the fields. Raises InvalidDocumentError with every one that does not fit."""
    from blockyard_platform.cli.asking import read_field

    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, text in texts.items():
        if name not in fields:
            known = ", ".join(fields)[:400] or "it asks for nothing"
            problems.append(
                Problem("form", "", f"the form has no field {name[:60]!r}", f"fields: {known}")
            )
            continue
        try:
            values[name] = read_field(fields[name], text)
        except (ValueError, KeyError, TypeError) as error:
            problems.append(Problem("form", "", f"the field '{name}': {error}"))
    if problems:
        raise InvalidDocumentError(problems)
    return values


def _wait(remote: Remote, run: str, path: str | None) -> None:
    """Wait until a run asks, or has ended."""
    client, tenant = remote.client, remote.tenant
    for each in client.events(run, tenant=tenant):
        if each.kind == LEFT_OUT:
            break
        asked = each.kind == "approval-asked" and path in (None, each.path)
        if asked and _asked(client.get_run(run, tenant=tenant), path):
            return
    # It has ended, or tells no more of what it does: then it is looked at now and then.
    while (found := client.get_run(run, wait=_LOOK_SECONDS, tenant=tenant)).ended is None:
        if _asked(found, path):
            return


def _asked(run: RunOut, path: str | None) -> list[WaitOut]:
    """Return the approvals that may be meant."""
    waits = [it for it in run.waits if it.kind == "approval" and it.answer is None]
    return [it for it in waits if path in (None, it.path)]


def _asking(run: RunOut, path: str | None) -> WaitOut:
    """Return the approval that is meant. Raises InvalidDocumentError."""
    waits = [it for it in run.waits if it.kind == "approval" and it.answer is None]
    found = _asked(run, path)
    if len(found) == 1:
        return found[0]
    paths = ", ".join(it.path for it in waits)[:400]
    if not waits:
        message, hint = f"the run {run.id} waits for no approval", f"it is {run.state.value}"
    elif path is None:
        message, hint = "several stages wait for an approval", f"name one: {paths}"
    else:
        message, hint = f"no stage {path[:100]!r} waits for an approval", f"these do: {paths}"
    raise InvalidDocumentError([Problem("approval", "", message, hint)])
