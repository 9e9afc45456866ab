"""``blockyard logout``: what login has kept is taken away. The token itself goes on holding until it is revoked."""

from __future__ import annotations

import click

from blockyard_platform.cli.account import login_file
from blockyard_platform.cli.exits import Exit
from blockyard_platform.cli.report import note


@click.command("logout")
def command() -> int:
    """Take away what login has kept. The token goes on holding until it is revoked: blockyard tokens revoke."""
    file = login_file()
    try:
        file.unlink()
    except FileNotFoundError:
        note("Nothing was kept.")
    except OSError as error:
        note(f"cannot take away {file}: {error.strerror}")
        return Exit.INVALID
    return Exit.SUCCESS
