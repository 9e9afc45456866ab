"""Printing: problems for people, one JSON object for programs."""

import json
from collections.abc import Iterable
from typing import Any

import click

from blockyard_schemas.problems import Problem


def print_json(value: Any) -> None:
    """Write one JSON value to standard output, and nothing else."""
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def note(text: str) -> None:
    """Write a line for people to standard error, in which nothing steers a terminal."""
    click.echo(printable(text), err=True)


def print_problems(name: str, problems: Iterable[Problem]) -> None:
    """Write each problem as ``file:line:column: message [rule]``, with its hint below."""
    for problem in problems:
        place = ":".join(
            str(part) for part in (name, problem.line, problem.column) if part is not None
        )
        click.echo(printable(f"{place}: {problem.message} [{problem.rule}]"), err=True)
        if problem.pointer and problem.line is None:
            click.echo(f"    at {printable(problem.pointer)}", err=True)
        if problem.hint:
            click.echo(f"    hint: {printable(problem.hint)}", err=True)


def printable(text: str) -> str:
    """Return a tenant's text with control characters shown, so that it cannot steer a terminal."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else repr(char)[1:-1] for char in text
    )
