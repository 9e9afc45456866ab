"""``blockyard doctor``: each layer of the sandbox, tried on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from blockyard_platform.cli.exits import Exit
from blockyard_platform.cli.report import note, print_json

if TYPE_CHECKING:
    from blockyard_sandbox.containers.doctor import EngineReport


@click.command("doctor")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object: level, layers, engine."
)
def command(as_json: bool) -> int:
    """Try each layer of the sandbox here, and say what it stops and whether it holds; ask the container engine what it is."""
    from blockyard_sandbox.containers.doctor import examine_engine
    from blockyard_sandbox.doctor import examine, level_of

    layers = examine()
    level = level_of(layers)
    engine = examine_engine()
    if as_json:
        rows = [
            {"name": layer.name, "holds": layer.holds, "detail": layer.detail, "stops": layer.stops}
            for layer in layers
        ]
        print_json({"level": level, "layers": rows, "engine": engine.as_dict()})
    else:
        width = max(len(layer.name) for layer in layers)
        for layer in layers:
            click.echo(
                f"{'holds  ' if layer.holds else 'MISSING'}  {layer.name:<{width}}  {layer.detail}"
            )
            click.echo(f"{'':<{width + 11}}stops: {layer.stops}")
        _show_engine(engine)
        note(f"The sandbox can be had at level: {level}.")
    return Exit.SUCCESS if level != "none" else Exit.NO_SANDBOX


def _show_engine(engine: EngineReport) -> None:
    click.echo()
    if engine.version is None:
        click.echo(f"no container engine at {engine.place}: {engine.detail}")
        return
    state = "usable" if engine.usable else "NOT USABLE"
    click.echo(f"container engine {engine.version}, {state}: {engine.detail}")
    click.echo(f"  runtimes: {', '.join(engine.runtimes)}; images: {engine.images}")
