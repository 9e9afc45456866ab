"""``blockyard convert``: a document of another system as ours, and what has no equal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from blockyard_platform.cli.exits import Exit
from blockyard_platform.cli.inputs import read_bytes
from blockyard_platform.cli.report import note, print_json, print_problems
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from blockyard_platform.convert import Converted, System


@click.command("convert")
@click.argument("file")
@click.option(
    "--from",
    "system",
    type=click.Choice(["pyconduit", "ddeutil"]),
    required=True,
    help="The system that the document is written for.",
)
@click.option("--output", metavar="FILE", help="Write the YAML into FILE, not to standard output.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: document, report.")
def command(file: str, system: System, output: str | None, as_json: bool) -> int:
    """Write our document for the one in FILE (YAML or JSON, - for standard input); report what has no equal."""
    try:
        found = _convert(file, system)
        if output is not None:
            _write(output, found)
    except InvalidDocumentError as error:
        _refuse(file, error, as_json=as_json)
        return Exit.INVALID
    if as_json:
        report = [problem.as_dict() for problem in found.report]
        print_json({"document": found.document, "report": report})
    else:
        _print(file, found, to_output=output is None)
    return Exit.SUCCESS


def _convert(file: str, system: System) -> Converted:
    from blockyard_platform.convert import convert
    from blockyard_schemas.reader import read

    source = read(read_bytes(file), syntax="json" if file.endswith(".json") else None)
    return convert(system, source, name="converted" if file == "-" else Path(file).stem)


def _write(output: str, found: Converted) -> None:
    from blockyard_platform.convert.writing import to_yaml

    try:
        Path(output).write_text(to_yaml(found.document), encoding="utf-8")
    except OSError as error:
        reason = f"cannot write {output}: {error.strerror or error}"
        raise InvalidDocumentError([Problem("file", "", reason, "give another path")]) from error


def _refuse(file: str, error: InvalidDocumentError, *, as_json: bool) -> None:
    print_problems(file, error.problems)
    if as_json:
        report = [problem.as_dict() for problem in error.problems]
        print_json({"document": None, "report": report})


def _print(file: str, found: Converted, *, to_output: bool) -> None:
    from blockyard_platform.convert.writing import to_yaml

    print_problems(file, found.report)
    lost, differs = len(found.lost), len(found.report) - len(found.lost)
    note(f"{lost} without an equal, {differs} that differ.")
    if to_output:
        click.echo(to_yaml(found.document), nl=False)
