"""``blockyard logs``: what a run on a server has printed, or prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from blockyard_platform.cli.remote import remote
from blockyard_platform.cli.report import note, print_json
from blockyard_platform.cli.showing import cell, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from blockyard_platform.cli.remote import Remote
    from blockyard_platform.service.api.models.runs import EventOut


LEFT_OUT = "log-full"
LEFT_OUT_WORDS = (
    "The rest of what the run tells is left out: its log is full (policy service.log_kib)."
)


@click.command("logs")
@click.argument("run")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run has ended.")
@click.option("--events", is_flag=True, help="Everything that happens, not what is printed alone.")
@click.option(
    "--after", type=click.IntRange(0), default=0, help="The number of the last event you have."
)
@remote
def command(remote: Remote, run: str, after: int, *, follow: bool, events: bool) -> int:
    """Print what the stages of RUN print. With --json one object, or with -f a line of JSON for each."""
    client, tenant = remote.client, remote.tenant
    listing = client.events if follow else client.list_events
    found = listing(run, after=after, tenant=tenant)
    wanted = (each for each in _noting(found) if events or each.kind == "log")
    if not remote.out.as_json:
        for each in wanted:
            click.echo(_line(each, events=events))
    elif follow:
        for each in wanted:
            print_json(each.model_dump(mode="json"))
    else:
        _print_all(wanted)
    return 0


def _noting(found: Iterable[EventOut]) -> Iterator[EventOut]:
    """Yield events; say when the rest of what a run tells was left out."""
    for each in found:
        yield each
        if each.kind == LEFT_OUT:
            note(LEFT_OUT_WORDS)


def _print_all(events: Iterable[EventOut]) -> None:
    print_json({"items": [it.model_dump(mode="json") for it in events]})


def _line(event: EventOut, *, events: bool) -> str:
    if event.kind == "log":
        said = one_line(str(event.data.get("text", "")).rstrip("\n"))
        cut = " … (cut: the line is too long)" if event.data.get("cut") is True else ""
        line = f"{one_line(event.path)} | {said}{cut}"
    else:
        line = one_line(f"{event.path} {event.kind} {json.dumps(event.data, ensure_ascii=False)}")
    return f"{event.seq}\t{cell(event.at)}\t{line}" if events else line
