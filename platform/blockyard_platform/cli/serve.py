"""``blockyard serve``: the service."""

from __future__ import annotations

from typing import Any

import click

from blockyard_platform.cli.exits import Exit
from blockyard_platform.cli.report import note, print_problems
from blockyard_platform.cli.serving import load_settings, setting_options
from blockyard_schemas.problems import InvalidDocumentError


@click.command("serve")
@setting_options
def command(**given: Any) -> int:
    """Serve the API. The first start makes the database, the keys and an admin's token, and prints the token."""
    from blockyard_platform.service import process

    try:
        with process.starting():
            settings = load_settings(given).settings
            from blockyard_platform.service.serving import Telling, serve

            serve(settings, Telling(click.echo, note))
    except InvalidDocumentError as error:
        print_problems("serve", error.problems)
        return Exit.INVALID
    return Exit.SUCCESS
