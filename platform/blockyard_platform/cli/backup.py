"""``blockyard backup``: one file of all that a data folder holds."""

from __future__ import annotations

from pathlib import Path

import click

from blockyard_platform.cli.exits import Exit
from blockyard_platform.cli.options import DATA, options
from blockyard_platform.cli.report import note, print_json


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@options(DATA)
@click.option("--with-keys", is_flag=True, help="Take the keys of secrets along.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(file: Path, data: str, with_keys: bool, as_json: bool) -> int:
    """Write a backup of a data folder to FILE, also while the service runs."""
    from blockyard_platform.service.operations.backup import back_up
    from blockyard_platform.service.operations.errors import OperationsError
    from blockyard_platform.service.operations.restore import fingerprint

    try:
        made = back_up(data, file, with_keys=with_keys)
    except OperationsError as error:
        note(f"Error: {error}" + (f"; {error.hint}" if error.hint else ""))
        return Exit.FAILED
    digest = fingerprint(made.path)
    if as_json:
        facts = {"databases": made.databases, "files": made.files, "schema": made.schema}
        facts |= {"size": made.size, "sha256": digest, "keys_left_out": made.keys_left_out}
        print_json({"file": str(made.path), **facts})
        return Exit.SUCCESS
    click.echo(f"{made.path}: {made.databases} databases, {made.files} files, {made.size} bytes")
    click.echo(f"sha256 {digest}")
    if made.keys_left_out:
        note("The keys of secrets are not in it: keep them elsewhere, or give --with-keys.")
    return Exit.SUCCESS
