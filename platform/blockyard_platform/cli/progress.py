"""What a person or a program sees while a run goes on: a live table, plain lines, or lines of JSON."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from blockyard_platform.cli.report import printable
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractContextManager

    from rich.live import Live
    from rich.table import Table

    from blockyard_platform.events import Event, RunView
    from blockyard_platform.results import StageRecord

ROWS = 20
"""How many of the latest stages the live table shows; a run may have many thousands."""


class Progress(Protocol):
    """Something that shows events."""

    def show(self, run: RunView, event: Event) -> None:
        """Show one event."""

    def aside(self) -> AbstractContextManager[None]:
        """Leave the terminal to somebody else for the time of the context."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was."""


class EventLines:
    """Each event as one JSON object a line: to standard output, or to standard error beside ``--json``."""

    def __init__(self, *, to_error: bool) -> None:
        """Choose the stream."""
        self._stream = sys.stderr if to_error else sys.stdout

    def show(self, run: RunView, event: Event) -> None:
        """Write the event."""
        line = json.dumps({"run_id": run.run_id} | event.as_dict(), ensure_ascii=False)
        print(line, file=self._stream, flush=True)

    def aside(self) -> AbstractContextManager[None]:
        """Go on: lines do not stand in the way."""
        return nullcontext()

    def close(self) -> None:
        """Nothing to leave."""


class PlainLines:
    """One line a finished stage and a printed line, for logs and pipes."""

    def show(self, run: RunView, event: Event) -> None:
        """Write what a reader of a log wants to know."""
        if event.record is not None:
            print(_sentence(event.path, event.record), file=sys.stderr, flush=True)
        elif event.text is not None:
            print(f"{event.path} | {printable(event.text.rstrip())}", file=sys.stderr, flush=True)

    def aside(self) -> AbstractContextManager[None]:
        """Go on: lines do not stand in the way."""
        return nullcontext()

    def close(self) -> None:
        """Nothing to leave."""


class LiveTable:
    """A table of the latest stages that changes in place, above it what the stages print."""

    def __init__(self) -> None:
        """Start with an empty table; the terminal is taken at the first event."""
        self._live: Live | None = None
        self._rows: dict[str, StageRecord | None] = {}
        self._begun: dict[str, float] = {}
        self._done = 0
        self._aside = False

    def show(self, run: RunView, event: Event) -> None:
        """Take the event into the table."""
        if event.kind == "stage-started":
            self._rows[event.path] = None
            self._begun[event.path] = time.monotonic()
        elif event.record is not None:
            self._rows.pop(event.path, None)
            self._begun.pop(event.path, None)
            self._rows[event.path] = event.record
            self._done += 1
        elif event.text is not None:
            self._print(f"{event.path} | {printable(event.text.rstrip())}")
        while len(self._rows) > ROWS:
            self._rows.pop(self._oldest())
        if not self._aside:
            self._start().update(self._table())

    @contextmanager
    def aside(self) -> Generator[None]:
        """Draw the last state, and nothing more for the time of the context."""
        self.close()
        self._live, self._aside = None, True
        try:
            yield
        finally:
            self._aside = False

    def close(self) -> None:
        """Draw the last state and give the terminal back."""
        if self._live is not None:
            self._live.stop()

    def _print(self, line: str) -> None:
        if self._aside:
            print(line, file=sys.stderr, flush=True)
        else:
            self._start().console.print(line, markup=False, highlight=False)

    def _start(self) -> Live:
        if self._live is None:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(self._table(), console=Console(stderr=True), refresh_per_second=8)
            self._live.start()
        return self._live

    def _oldest(self) -> str:
        ended = (path for path, record in self._rows.items() if record is not None)
        return next(ended, next(iter(self._rows)))

    def _table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(title=f"{self._done} stages done", title_justify="left", expand=False)
        for heading in ("stage", "kind", "status", "seconds", ""):
            table.add_column(heading)
        for path, record in self._rows.items():
            if record is None:
                seconds = time.monotonic() - self._begun.get(path, time.monotonic())
                table.add_row(Text(path), "", Text("running", "cyan"), f"{seconds:.1f}", "")
            else:
                shown = Text(record.status.value, _COLOURS[record.status])
                table.add_row(
                    Text(path), record.kind, shown, f"{record.seconds:.3f}", Text(why(record))
                )
        return table


_COLOURS = {
    Status.SUCCESS: "green",
    Status.FAILED: "red",
    Status.SKIP: "yellow",
    Status.CANCEL: "magenta",
    Status.WAIT: "cyan",
}


def _sentence(path: str, record: StageRecord) -> str:
    said = why(record)
    return f"{path}: {record.status} in {record.seconds:.3f} s{': ' + said if said else ''}"


def why(record: StageRecord) -> str:
    """Return why a stage stands as it does, where it has not succeeded: the code, the message, the line of its code."""
    if record.error is None:
        return "" if record.status is Status.SUCCESS else f"{record.code.name} {int(record.code)}"
    error: dict[str, Any] = record.error
    place = (
        f" (line {error['line']}: {str(error.get('text') or '').strip()})"
        if error.get("line")
        else ""
    )
    return printable(f"{record.code.name} {int(record.code)}: {error.get('message', '')}{place}")
