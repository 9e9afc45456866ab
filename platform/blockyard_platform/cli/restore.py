"""``blockyard restore``: a backup, back into an empty data folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from blockyard_platform.cli.exits import Exit
from blockyard_platform.cli.options import DATA, options
from blockyard_platform.cli.report import note, print_json


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@options(DATA)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(file: Path, data: str, as_json: bool) -> int:
    """Bring the backup FILE back into an empty data folder."""
    from blockyard_platform.service.operations.errors import OperationsError
    from blockyard_platform.service.operations.restore import restore

    try:
        made = restore(file, data)
    except OperationsError as error:
        note(f"Error: {error}" + (f"; {error.hint}" if error.hint else ""))
        return Exit.FAILED
    taken = datetime.fromtimestamp(made.created, UTC).isoformat(timespec="seconds")
    if as_json:
        facts = {"databases": made.databases, "files": made.files, "schema": made.schema}
        facts |= {"taken": taken, "keys_left_out": made.keys_left_out}
        print_json({"folder": str(made.folder), **facts})
        return Exit.SUCCESS
    click.echo(f"{made.folder}: {made.databases} databases, {made.files} files, of {taken}")
    if made.keys_left_out:
        note("The keys of secrets were left out of it: put their file into its place.")
    return Exit.SUCCESS
