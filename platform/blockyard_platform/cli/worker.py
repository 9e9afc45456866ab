"""``blockyard worker``: executes the runs of a service that others serve."""

from __future__ import annotations

from typing import Any

import click

from blockyard_platform.cli.exits import Exit
from blockyard_platform.cli.report import print_problems
from blockyard_platform.cli.serving import load_settings, worker_options
from blockyard_schemas.problems import InvalidDocumentError


@click.command("worker")
@worker_options
def command(**given: Any) -> int:
    """Execute runs from a PostgreSQL database, beside any number of other workers and servers."""
    from blockyard_platform.service import process

    try:
        with process.starting():
            settings = load_settings({**given, "worker": True}).settings
            from blockyard_platform.service.working import work

            work(settings, click.echo)
    except InvalidDocumentError as error:
        print_problems("worker", error.problems)
        return Exit.INVALID
    return Exit.SUCCESS
