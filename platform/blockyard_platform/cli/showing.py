"""What a server's answers look like: a table on a terminal, plain lines elsewhere, one JSON object for programs.

Texts are other people's: no character of theirs steers a terminal, or begins a line of its own.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from blockyard_platform.cli.report import note, print_json, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TypeVar

    from pydantic import BaseModel

    from blockyard_platform.service.api.models.runs import QueuedOut, RunOut

    T = TypeVar("T", bound=BaseModel)

_ROWS = 100


@dataclass(frozen=True, slots=True)
class Out:
    """Where answers are shown, and whether as JSON."""

    as_json: bool

    def rows(
        self,
        found: Iterable[T],
        columns: Sequence[str],
        limit: int | None = None,
        **made: Callable[[T], str],
    ) -> None:
        """Show a listing: these columns of each and what is ``made`` of it, or as JSON all of it. More than ``limit`` (100) are not shown; 0 shows all."""
        limit = _ROWS if limit is None else limit
        items = list(found if not limit else islice(found, limit + 1))
        more = bool(limit) and len(items) > limit
        items = items[:limit] if more else items
        if self.as_json:
            print_json({"items": [it.model_dump(mode="json") for it in items], "more": more})
            return
        rows = [[cell(getattr(it, name)) for name in columns] for it in items]
        for row, it in zip(rows, items, strict=True):
            row += [cell(make(it)) for make in made.values()]
        self.table([*columns, *made], rows)
        if more:
            note(f"There are more than these {limit}: --limit says how many are shown.")

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show cells: with headings on a terminal, else a line each with tabs between."""
        if not sys.stdout.isatty():
            for row in rows:
                click.echo("\t".join(row))
            return
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for place, heading in enumerate(headings):
            # The first is what the others are found by: it is there to be copied.
            table.add_column(heading.replace("_", " "), overflow="fold", no_wrap=place == 0)
        for row in rows:
            table.add_row(*map(Text, row))
        Console().print(table)

    def one(self, found: BaseModel, leave: Iterable[str] = ()) -> None:
        """Show one thing, a line for each of its fields that has a value, but for those to leave out."""
        if self.as_json:
            print_json(found.model_dump(mode="json"))
            return
        fields = {name: getattr(found, name) for name in type(found).model_fields}
        self.fields({name: it for name, it in fields.items() if name not in set(leave)})

    def fields(self, fields: Mapping[str, Any]) -> None:
        """Show names and values, a line each, without those that have none."""
        shown = {name: it for name, it in fields.items() if it not in (None, "", [], {})}
        width = max(map(len, shown), default=0) + 2
        for name, value in shown.items():
            click.echo(f"{name.replace('_', ' ') + ':':<{width}}{cell(value)}")

    def text(self, text: str, found: BaseModel) -> None:
        """Show a text that has lines of its own, or as JSON the whole thing."""
        if self.as_json:
            print_json(found.model_dump(mode="json"))
        elif text:
            click.echo(printable(text.rstrip("\n")))

    def done(self, words: str, **fields: Any) -> None:
        """Say that something was done that has no answer; as JSON, ``fields``."""
        if self.as_json:
            print_json(fields)
        else:
            note(words)


def cell(value: Any) -> str:
    """Return a value as one line."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str):
        return one_line(value)
    return one_line(json.dumps(_plain(value), ensure_ascii=False))


def waiting_words(queued: QueuedOut) -> str:
    """Say at which position a run waits, and why."""
    return f"at position {queued.position}: {queued.words}"


def state_words(run: RunOut) -> str:
    """Say where a run is, and what it waits for where that is not its turn alone."""
    state, queued = run.state.value, run.queued
    if queued is None or queued.reason == "turn":
        return state
    return one_line(f"{state}, {waiting_words(queued)}")


def one_line(text: str) -> str:
    """Return a text with everything shown that is not a character to be read."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    return value
