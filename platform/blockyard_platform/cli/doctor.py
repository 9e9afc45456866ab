"""``blockyard doctor``: each layer of the sandbox, tried on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from blockyard_platform.cli.exits import Exit
from blockyard_platform.cli.report import note, print_json

if TYPE_CHECKING:
    from blockyard_sandbox.containers.doctor import EngineReport
    from blockyard_sandbox.environments.doctor import EnvironmentReport


@click.command("doctor")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object: level, layers, engine, environments.",
)
def command(as_json: bool) -> int:
    """Try each layer of the sandbox here, and say what it stops and whether it holds; ask the container engine and uv what they are."""
    from blockyard_platform.caching import cache_folder, machine_index
    from blockyard_sandbox.containers.doctor import examine_engine
    from blockyard_sandbox.doctor import examine, level_of
    from blockyard_sandbox.environments.doctor import examine_environments

    layers = examine()
    level = level_of(layers)
    engine = examine_engine()
    environments = examine_environments(cache_folder(), machine_index())
    if as_json:
        rows = [
            {"name": layer.name, "holds": layer.holds, "detail": layer.detail, "stops": layer.stops}
            for layer in layers
        ]
        facts = {"engine": engine.as_dict(), "environments": environments.as_dict()}
        print_json({"level": level, "layers": rows, **facts})
    else:
        width = max(len(layer.name) for layer in layers)
        for layer in layers:
            click.echo(
                f"{'holds  ' if layer.holds else 'MISSING'}  {layer.name:<{width}}  {layer.detail}"
            )
            click.echo(f"{'':<{width + 11}}stops: {layer.stops}")
        _show_engine(engine)
        _show_environments(environments)
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


def _show_environments(report: EnvironmentReport) -> None:
    click.echo()
    if report.uv is None:
        click.echo(f"no uv: {report.detail}")
        return
    click.echo(f"uv {report.uv}, {'usable' if report.usable else 'NOT USABLE'}: {report.detail}")
    click.echo(f"  package index: {', '.join(report.indexes) or 'none'}")
    click.echo(f"  environments: {report.environments} in {report.folder}")
