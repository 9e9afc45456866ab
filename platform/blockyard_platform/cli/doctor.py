"""``blockyard doctor``: each layer of the sandbox, tried on this machine."""

from __future__ import annotations

import click

from blockyard_platform.cli.exits import Exit
from blockyard_platform.cli.report import note, print_json


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: level, layers.")
def command(as_json: bool) -> int:
    """Try each layer of the sandbox here, and say what it stops and whether it holds."""
    from blockyard_sandbox.doctor import examine, level_of

    layers = examine()
    level = level_of(layers)
    if as_json:
        rows = [
            {"name": layer.name, "holds": layer.holds, "detail": layer.detail, "stops": layer.stops}
            for layer in layers
        ]
        print_json({"level": level, "layers": rows})
    else:
        width = max(len(layer.name) for layer in layers)
        for layer in layers:
            click.echo(
                f"{'holds  ' if layer.holds else 'MISSING'}  {layer.name:<{width}}  {layer.detail}"
            )
            click.echo(f"{'':<{width + 11}}stops: {layer.stops}")
        note(f"The sandbox can be had at level: {level}.")
    return Exit.SUCCESS if level != "none" else Exit.NO_SANDBOX
