"""``blockyard policy``: what a tenant may do."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from blockyard_platform.cli.exits import Exit
from blockyard_platform.cli.family import Family
from blockyard_platform.cli.inputs import read_text
from blockyard_platform.cli.remote import LIMIT, remote
from blockyard_platform.cli.report import note, print_json, print_problems
from blockyard_platform.cli.showing import cell, one_line
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from blockyard_platform.cli.remote import Remote
    from blockyard_platform.service.api.models.policies import VerdictOut


@click.group("policy", cls=Family, default="show")
def command() -> None:
    """Show and change a tenant's policy: its versions, which is in force, and what another would refuse."""


@command.command("show")
@click.option("--version", type=click.IntRange(1), help="A version; without it, the one in force.")
@remote
def _show(remote: Remote, version: int | None) -> None:
    """Show the policy that is in force, or a version, as it was written."""
    if version is None:
        found = remote.client.get_policy_in_force(remote.tenant)
    else:
        found = remote.client.get_policy(version, tenant=remote.tenant)
    remote.out.text(found.text, found)


@command.command("list")
@LIMIT
@remote
def _list(remote: Remote, limit: int | None) -> None:
    """List the versions, the newest first, and say which is in force."""
    found = remote.client.list_policies(remote.tenant)
    remote.out.rows(found, ("version", "note", "author", "created"), limit)
    force = None if remote.out.as_json else _in_force(remote)
    if force is not None:
        note(f"Version {force} is in force.")


@command.command("put")
@click.argument("file")
@click.option("--note", "why", metavar="TEXT", help="Why it was changed.")
@remote
def _put(remote: Remote, file: str, why: str | None) -> None:
    """Give the tenant the policy in FILE (- for standard input): a new version, in force unless another is pinned."""
    found = remote.client.put_policy(read_text(file), note=why, tenant=remote.tenant)
    words = f"The policy of {found.tenant} has version {found.version}."
    remote.out.done(words, **found.model_dump(mode="json"))
    force = _in_force(remote)
    if force is not None and force < found.version:
        note(f"Version {force} is pinned, and stays in force until: blockyard policy pin newest")


@command.command("diff")
@click.argument("version", type=click.IntRange(1))
@click.argument("to", type=click.IntRange(1))
@remote
def _diff(remote: Remote, version: int, to: int) -> None:
    """Show what version TO has otherwise than VERSION."""
    found = remote.client.diff_policies(version, to, tenant=remote.tenant)
    remote.out.text(found.diff, found)


@command.command("pin")
@click.argument("version", metavar="VERSION|newest")
@remote
def _pin(remote: Remote, version: str) -> None:
    """Keep VERSION in force whatever comes after it, or have the newest in force again."""
    if version != "newest" and not (version.isascii() and version.isdecimal()):
        hint = "write the number of a version, or newest"
        raise InvalidDocumentError([Problem("version", "", f"{version[:60]!r} is none", hint)])
    wanted = None if version == "newest" else int(version)
    found = remote.client.pin_policy(wanted, tenant=remote.tenant)
    words = "The newest is in force." if wanted is None else f"Version {wanted} stays in force."
    remote.out.done(words, **found.model_dump(mode="json"))


@command.command("evaluate")
@click.argument("file")
@click.option(
    "--over",
    type=click.Choice(["newest", "versions", "runs"]),
    default="newest",
    help="The newest stored workflows, all of their versions, or past runs.",
)
@click.option("--all", "unchanged", is_flag=True, help="Show those that do not change, too.")
@remote
def _evaluate(remote: Remote, file: str, over: Any, *, unchanged: bool) -> int:
    """Show what the policy in FILE would refuse, and newly allow. Exits with 3 when it would refuse what is admitted now."""
    text, cursor = read_text(file), None
    counts: Counter[str] = Counter()
    items: list[VerdictOut] = []
    while True:
        page = remote.client.evaluate_policy(
            text, over=over, unchanged=unchanged, cursor=cursor, tenant=remote.tenant
        )
        counts.update({key.value: count for key, count in page.counts.items()})
        items += page.items
        if page.next is None or page.next == cursor:
            break
        cursor = page.next
    if remote.out.as_json:
        rows = [it.model_dump(mode="json") for it in items]
        print_json({"counts": dict(counts), "items": rows})
    else:
        _tell(items, counts)
    return Exit.REFUSED if counts["refused"] else Exit.SUCCESS


def _in_force(remote: Remote) -> int | None:
    """Return the version that is in force, for who may look at it, when there is one."""
    from blockyard_platform.client import ForbiddenError, NotFoundError

    try:
        return remote.client.get_policy_in_force(remote.tenant).version
    except (ForbiddenError, NotFoundError):
        return None


def _tell(items: list[VerdictOut], counts: Counter[str]) -> None:
    for each in items:
        click.echo(f"{cell(each.change)}\t{one_line(each.reference)}")
        found = [
            Problem(it.rule, it.pointer, it.message, it.hint, it.line, it.column)
            for it in each.problems
        ]
        print_problems(one_line(each.reference), found)
    note(", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "Nothing.")
