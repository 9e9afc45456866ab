"""The runs that a journal of this machine has."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from blockyard_platform.cli.exits import Exit, exit_of
from blockyard_platform.cli.report import print_json, print_problems, printable
from blockyard_schemas.problems import InvalidDocumentError, Problem


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


def there(journal: str) -> str:
    """Return a journal that is to be looked into: a file that is not there would be made. Raises InvalidDocumentError."""
    if "://" not in journal and not Path(journal).exists():
        message = f"there is no journal {printable(journal)}"
        hint = "see its path; `blockyard run FILE --journal FILE` makes one"
        raise InvalidDocumentError([Problem("store", "", message, hint)])
    return journal


def _runs(journal: str) -> list[dict[str, str]]:
    from blockyard_platform.store.store import Store

    store = Store(there(journal))
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
