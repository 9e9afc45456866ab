"""The platform's log: one line an event, JSON or for people, with what is bound to the work at hand.

Everything goes by the standard library's ``logging``, so that lines of libraries come out in the same form and under the
same rules. Bind what belongs to a piece of work with :func:`bound`; it follows the work into its tasks.
"""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TextIO

import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars

from blockyard_platform.service.operations.redaction import (
    escaped,
    redacted,
    shortened,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping
    from contextlib import AbstractContextManager

    Fields = MutableMapping[str, Any]

MOST_LINE = 16_384
"""Characters of one line."""

LEVELS = ("debug", "info", "warning", "error", "critical")
_QUIET = {
    "alembic": "WARNING",
    "asyncio": "WARNING",
    "dbos": "ERROR",
    "docker": "WARNING",
    "httpcore": "WARNING",
    "httpx": "WARNING",
    "urllib3": "WARNING",
    "uvicorn": "WARNING",
}
"""Libraries that say more than an operator wants to read."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How the log is written. ``levels`` are those of single loggers, by name."""

    form: Literal["json", "console"] = "json"
    level: str = "info"
    levels: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        """Refuse what is no level."""
        for each in (self.level, *self.levels.values()):
            if each.lower() not in LEVELS:
                raise ValueError(f"{each!r} is no level: use one of {', '.join(LEVELS)}")


def configure_logs(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Have all loggers of the process write to a stream (standard error) as the settings say. May be called again."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_foreign_chain(), processors=[_closed, _renderer(settings.form)]
    )
    handler = _Handler(sys.stderr if stream is None else stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    for name, level in (_QUIET | dict(settings.levels)).items():
        logging.getLogger(name).setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # DBOS gives its logger a handler of its own, for people and beside ours, unless there is one.
    logging.getLogger("dbos").handlers[:] = [logging.NullHandler()]
    logging.getLogger("dbos").propagate = True
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_chain(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> Any:
    """Return a logger that takes fields as keywords: ``log.info("run ended", status="SUCCESS")``."""
    return structlog.stdlib.get_logger(name)


def bound(
    *,
    run_id: str | None = None,
    tenant: str | None = None,
    worker: str | None = None,
    request_id: str | None = None,
) -> AbstractContextManager[None]:
    """Have each line that is written inside say what it is about."""
    given = {"run_id": run_id, "tenant": tenant, "worker": worker, "request_id": request_id}
    return bound_contextvars(**{key: value for key, value in given.items() if value is not None})


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines. One that cannot be made is told without what was in it; logging's own way is to print all of that as it is."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Say where it came from."""
        fields = {"level": "error", "logger": record.name, "event": "a line could not be written"}
        fields["place"] = f"{record.module}:{record.lineno}"
        try:
            self.stream.write(json.dumps(redacted(fields)) + self.terminator)
        except (OSError, ValueError):
            return  # The stream is gone: there is nobody left to tell.


def _chain() -> list[Any]:
    return [
        merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
    ]


def _foreign_chain() -> list[Any]:
    """Return what is done to lines of libraries; what they pass as ``extra`` is shown, too."""
    return [*_chain(), structlog.stdlib.ExtraAdder()]


def _closed(_: Any, __: str, fields: Fields) -> dict[str, Any]:
    """Return a line's fields without what must not be shown, in the order in which they are read."""
    fields.pop("_record", None)
    fields.pop("_from_structlog", None)
    first = {key: fields.pop(key) for key in ("at", "level", "logger", "event") if key in fields}
    return redacted(first | dict(sorted(fields.items())))


def _renderer(form: str) -> Any:
    return _as_json if form == "json" else _for_people


def _as_json(_: Any, __: str, fields: Fields) -> str:
    """Return ASCII: every control character, and every line end that any reader knows, is escaped."""
    line = json.dumps(fields, default=str, allow_nan=False)
    if len(line) <= MOST_LINE:
        return line
    kept = {key: _cut(value) for key, value in fields.items()}
    while len(line) > MOST_LINE:
        line = json.dumps(kept | {"cut": True})
        if kept:
            kept.popitem()
    return line


def _cut(value: Any) -> Any:
    return shortened(value, 500) if isinstance(value, str) else shortened(json.dumps(value), 500)


def _for_people(_: Any, __: str, fields: Fields) -> str:
    at, level = str(fields.pop("at", ""))[11:23], str(fields.pop("level", ""))
    name, said = fields.pop("logger", ""), fields.pop("event", "")
    trace = fields.pop("exception", None)
    more = " ".join(f"{escaped(key)}={_value(each)}" for key, each in fields.items())
    line = f"{at} {level:<8} {escaped(str(name))}: {escaped(str(said))} {more}".rstrip()
    lines = [shortened(line, MOST_LINE)]
    if trace is not None:
        # Each is set in, so that no line of a trace can be taken for one of the log.
        lines += [f"    {escaped(each)}" for each in str(trace).splitlines()]
    return "\n".join(lines)


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    plain = text and not any(each in text for each in " =\"'")
    return escaped(text if plain else json.dumps(text, ensure_ascii=False))
