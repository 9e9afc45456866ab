"""Approvals on a terminal: the message, the fields of the form one by one, then yes or no."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from blockyard_platform.cli.report import printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from blockyard_platform.cli.progress import Progress
    from blockyard_platform.events import RunView
    from blockyard_platform.waits import Answer, Waiting

    Ask = Callable[[RunView, Waiting], Awaitable[Answer]]


def asker(progress: Progress) -> Ask | None:
    """Return what asks the person at the terminal, one question at a time; ``None`` when there is no terminal to answer at."""
    if not sys.stdin.isatty():
        return None
    one, keyboard = asyncio.Lock(), _Keyboard()

    async def ask(_run: RunView, waiting: Waiting) -> Answer:
        async with one:
            with progress.aside():
                return await _prompt(keyboard, waiting)

    return ask


class _Keyboard:
    """Lines of the terminal, read without a thread: one that reads cannot be stopped, not even at the end of the process."""

    def __init__(self) -> None:
        self._rest = b""

    async def line(self, prompt: str) -> str:
        """Show a prompt and return the line that is typed; raise EOFError when none comes any more."""
        click.echo(prompt, nl=False, err=True)
        while b"\n" not in self._rest:
            piece = await self._piece()
            if not piece:
                raise EOFError
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="replace").strip()

    async def _piece(self) -> bytes:
        loop, descriptor = asyncio.get_running_loop(), sys.stdin.fileno()
        ready = asyncio.Event()
        loop.add_reader(descriptor, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(descriptor)
        return os.read(descriptor, 4096)


async def _prompt(keyboard: _Keyboard, waiting: Waiting) -> Answer:
    from blockyard_platform.waits import Answer

    form: Mapping[str, Any] = waiting.form or {}
    _say(f"{waiting.path}: {waiting.message or ''}")
    if form.get("description"):
        _say(str(form["description"]))
    values: dict[str, Any] = {}
    try:
        for name, field in form.get("properties", {}).items():
            value = await _field(keyboard, name, field, needed=name in form.get("required", ()))
            if value is not None:
                values[name] = value
        approved = await _confirm(keyboard)
    except EOFError:
        _say("")
        return Answer(approved=False, by=_user(), comment="no answer was given")
    return Answer(approved, _user(), values)


async def _confirm(keyboard: _Keyboard) -> bool:
    while True:
        text = (await keyboard.line("Approve? [y/n]: ")).lower()
        if text in ("y", "yes", "n", "no"):
            return text.startswith("y")


async def _field(keyboard: _Keyboard, name: str, field: Mapping[str, Any], *, needed: bool) -> Any:
    """Return what is typed for a field, asked until it fits; ``None`` when it is left out."""
    from blockyard_schemas.forms import misfit

    label = printable(str(field.get("title") or name))
    if "enum" in field:
        label += f" ({', '.join(_text(each) for each in field['enum'])})"
    default = _text(field["default"]) if "default" in field else ""
    label += f" [{default}]: " if default else ": "
    while True:
        text = await keyboard.line(label) or default
        if not text and not needed:
            return None
        try:
            value = read_field(field, text)
        except ValueError as error:
            _say(str(error))
            continue
        fault = misfit({"properties": {name: field}}, {name: value})
        if fault is None:
            return value
        _say(fault)


def read_field(field: Mapping[str, Any], text: str) -> Any:
    """Return the value that a text stands for in a field of a form. Raises ValueError."""
    from blockyard_schemas.param_types import from_text

    for choice in field.get("enum", ()):
        if _text(choice) == text:
            return choice
    return from_text(field["type"], text)


def _text(value: Any) -> str:
    from blockyard_platform.filters import text_of

    return printable(text_of(value))


def _say(text: str) -> None:
    click.echo(printable(text), err=True)


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody at the terminal"
