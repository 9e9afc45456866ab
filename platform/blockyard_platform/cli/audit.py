"""``blockyard audit``: an exported audit log, verified without the database."""

from __future__ import annotations

import re

import click

from blockyard_platform.cli.exits import Exit
from blockyard_platform.cli.report import note, print_json

_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


@click.command("audit")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--head", metavar="SEQ:HASH", help="The log's end, as it was noted elsewhere.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: valid, rows, wrong.")
def command(file: str, head: str | None, *, as_json: bool) -> int:
    """Verify the audit log in FILE, as the API has exported it. Without --head, rows that were cut off at the end cannot be told."""
    from blockyard_platform.service.registry.audit import Head, read_lines, verify

    end: Head | None = None
    if head is not None:
        found = _HEAD.fullmatch(head)
        if found is None:
            raise click.BadParameter("write the number of rows, a colon, and the last row's hash")
        end = Head(int(found[1]), found[2])
    with open(file, encoding="utf-8", errors="replace") as lines:
        wrong = verify(read_lines(lines), end)
    with open(file, "rb") as lines:
        rows = sum(1 for _ in lines)
    if as_json:
        line = None if wrong is None else wrong + 1
        print_json({"valid": wrong is None, "rows": rows, "wrong": line})
    elif wrong is None:
        note(f"All {rows} rows are what was written.")
    else:
        note(f"Row {wrong + 1} is not what was written, or is missing.")
    return Exit.SUCCESS if wrong is None else Exit.FAILED
