"""Options that several commands have, each said once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

POLICY = click.option(
    "--policy", metavar="FILE", help="The tenant's policy; without it, one for your own machine."
)
SECRETS = click.option(
    "--secrets",
    metavar="FILE",
    help="Names and values of secrets in TOML, YAML or JSON; of mode 0600.",
)
CATALOG = click.option(
    "--catalog", metavar="PATH", multiple=True, help="A folder of Python files with more blocks."
)
PARAM = click.option(
    "--param", "pairs", metavar="K=V", multiple=True, help="A param; its declared type is applied."
)
PARAMS = click.option(
    "--params", "params_file", metavar="FILE", help="A YAML or JSON file of params."
)
JSON = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object; all else goes to standard error.",
)
EVENTS = click.option(
    "--events", is_flag=True, help="Print each event as a line of JSON, as it happens."
)
WORKFLOWS = click.option(
    "--workflows",
    metavar="PATH",
    help="The folder of the workflows that may be triggered; without it, that of FILE.",
)
JOURNAL = click.option(
    "--journal", metavar="FILE", help="Keep the run in this file, or at a database's URL."
)
JOURNAL_REQUIRED = click.option(
    "--journal",
    metavar="FILE",
    required=True,
    envvar="BLOCKYARD_JOURNAL",
    help="The file, or a database's URL, that has the run (or BLOCKYARD_JOURNAL).",
)
DATA = click.option(
    "--data",
    metavar="FOLDER",
    required=True,
    envvar=["BLOCKYARD_SERVICE_DATA", "BLOCKYARD_DATA"],
    help="The data folder of the service (or BLOCKYARD_SERVICE_DATA, or BLOCKYARD_DATA).",
)


def options(*decorators: Decorator) -> Decorator:
    """Return one decorator for several options, which are listed in this order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate
