"""``blockyard config``: the settings of the service, and where each comes from."""

from __future__ import annotations

from typing import Any

import click

from blockyard_platform.cli.exits import Exit
from blockyard_platform.cli.report import print_json, print_problems, printable
from blockyard_platform.cli.serving import load_settings, setting_options
from blockyard_schemas.problems import InvalidDocumentError


@click.command("config")
@setting_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(*, as_json: bool, **given: Any) -> int:
    """Show the settings of the service, and where each comes from. Passwords and tokens are not shown."""
    try:
        loaded = load_settings(given)
    except InvalidDocumentError as error:
        print_problems("config", error.problems)
        return Exit.INVALID
    from blockyard_platform.service.configuring import show

    found = show(loaded)
    if as_json:
        print_json({it.key: {"value": it.value, "origin": it.origin} for it in found})
        return Exit.SUCCESS
    width = max(len(it.key) for it in found)
    texts = [(it, _text(it.value)) for it in found]
    wide = min(48, max(len(text) for _, text in texts))
    for it, text in texts:
        click.echo(printable(f"{it.key:<{width}}  {text:<{wide}}  {it.origin}"))
    return Exit.SUCCESS


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, bool):
        return "true" if value else "false"
    return "-" if value is None else str(value)
