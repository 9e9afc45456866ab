"""What a process of the service sets up first: its log, and its traces."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from blockyard_platform.service.operations.errors import OperationsError
from blockyard_platform.service.operations.exporting import TraceSettings, configure_traces
from blockyard_platform.service.operations.logs import LogSettings, configure_logs
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Generator

    from blockyard_platform.service.settings import Settings


@contextmanager
def told(settings: Settings) -> Generator[None]:
    """Have the log written and the traces sent as the settings say, until the end. Raises InvalidDocumentError."""
    configure_logs(LogSettings(settings.log_format, settings.log_level))
    try:
        end = configure_traces(TraceSettings(settings.traces_endpoint, ratio=settings.traces_ratio))
    except OperationsError as error:
        raise InvalidDocumentError([Problem("start", "", str(error), error.hint)]) from error
    except ValueError as error:
        hint = "write it as in http://127.0.0.1:4318/v1/traces"
        raise InvalidDocumentError(
            [Problem("setting", "/traces_endpoint", str(error), hint)]
        ) from error
    try:
        yield
    finally:
        end()
