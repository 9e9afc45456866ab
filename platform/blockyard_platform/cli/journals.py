"""The runs that a journal of this machine has."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from blockyard_platform.cli.exits import Exit, exit_of
from blockyard_platform.cli.report import print_json, print_problems, printable
from blockyard_schemas.problems import InvalidDocumentError


def list_journal(journal: str, *, as_json: bool) -> int:
    """List the runs of a journal, the latest first."""
    try:
        found = _runs(journal)
    except InvalidDocumentError as error:
        print_problems(journal, error.problems)
        return exit_of(error.problems)
    if as_json:
        print_json(found)
    for each in () if as_json else found:
        click.echo(f"{each['id']}  {each['status']:<8} {each['created']}  {each['workflow']}")
    return Exit.SUCCESS


def _runs(journal: str) -> list[dict[str, str]]:
    from blockyard_platform.store.store import Store

    store = Store(journal)
    try:
        return [
            {
                "id": run_id,
                "workflow": printable(workflow),
                "status": status.value,
                "created": datetime.fromtimestamp(created, UTC).isoformat(timespec="seconds"),
            }
            for run_id, workflow, status, created in store.runs()
        ]
    finally:
        store.close()
