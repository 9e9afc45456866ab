"""The settings of the service as options: all of them, those of a worker, and those that say where the service is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from blockyard_platform.cli.options import options

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from blockyard_platform.service.configuring import Loaded

_CONFIG = click.option(
    "--config",
    metavar="FILE",
    help="A TOML file of settings; without it, blockyard.toml in the data folder.",
)
_NAMED = (
    ("data", "FOLDER", "The folder for everything that is kept (./blockyard-data)."),
    ("database", "URL", "A file, or a database's URL; by default a file in the data folder."),
    ("keys", "FILE", "The keys that seal secrets; by default a file in the data folder."),
    ("host", "ADDRESS", "The address to listen on (127.0.0.1)."),
    ("port", "NUMBER", "The port to listen on (8080); 0 takes a free one."),
    ("public-url", "URL", "Where others reach the service."),
    ("tls-certificate", "FILE", "The certificate to serve HTTPS with."),
    ("tls-key", "FILE", "The key of the certificate."),
    ("slots", "NUMBER", "Runs that are executed at once."),
    ("log-format", "WORD", "console or json."),
    ("log-level", "WORD", "debug, info, warning or error."),
)
_CATALOG = click.option(
    "--catalog", metavar="PATH", multiple=True, help="A folder of Python files with more blocks."
)
_WORKER = click.option(
    "--worker/--no-worker", default=None, help="Whether runs are executed in this process."
)


_PLACE = ("data", "database", "keys")
_OF_A_WORKER = (*_PLACE, "slots", "log-format", "log-level")


def setting_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of the settings."""
    named = _named([name for name, _, _ in _NAMED])
    return options(_CONFIG, *named, _CATALOG, _WORKER)(function)


def worker_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command those of the settings that a worker goes by: it listens nowhere."""
    return options(_CONFIG, *_named(_OF_A_WORKER), _CATALOG)(function)


def place_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command those of the settings that say where a service keeps what it has."""
    return options(_CONFIG, *_named(_PLACE))(function)


def _named(names: Collection[str]) -> list[Any]:
    """Return the options of these names."""
    wanted = [it for it in _NAMED if it[0] in names]
    return [click.option(f"--{name}", metavar=what, help=text) for name, what, text in wanted]


def load_settings(given: dict[str, Any]) -> Loaded:
    """Return the settings of a command's options. Raises InvalidDocumentError."""
    from blockyard_platform.service.configuring import load

    config = given.pop("config")
    return load(given, config)
