"""From an exception of user code to words that say where it happened and what to do."""

import types
from collections.abc import Mapping
from typing import Any

from blockyard_sandbox.guest.compiling import Compiled
from blockyard_sandbox.guest.failures import RESTRICTED, GuestError, code_of, words_of
from blockyard_sandbox.guest.own import FILENAME
from blockyard_sandbox.guest.policy.words import UNAVAILABLE, did_you_mean
from blockyard_sandbox.guest.reading import Table


def failure(
    error: BaseException, compiled: Compiled, namespace: Mapping[str, Any], table: Table
) -> GuestError:
    """Return what user code raised as a failure with the line it happened in."""
    line = line_of_error(error)
    message = advice(error, namespace, table) or words_of(error)
    code = code_of(error)
    if isinstance(error, NameError) and error.name in UNAVAILABLE:
        code = RESTRICTED
    return GuestError(code, message, line=line, text=compiled.line(line))


def line_of_error(error: BaseException) -> int | None:
    """Return the line of the innermost frame that is the user's."""
    line: int | None = None
    trace: types.TracebackType | None = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILENAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def advice(error: BaseException, namespace: Mapping[str, Any], table: Table) -> str | None:
    """Say what to do about a name or an attribute that does not exist; None when there is nothing to add.

    Done here, for the error that ends a stage, and not where it is raised: looking for near words takes its time.
    """
    if isinstance(error, NameError) and type(error.name) is str:
        if error.name in UNAVAILABLE:
            return f"{error.name} is not available in a stage: {UNAVAILABLE[error.name]}"
        known = [*namespace, *namespace["__builtins__"]]
        near = [name for name in known if not name.startswith("_") and name != error.name]
        return f"{words_of(error)}{did_you_mean(error.name, near)}"
    if isinstance(error, AttributeError) and type(error.name) is str:
        known = list(table.get(type(error.obj), ()))
        return f"{words_of(error)}{did_you_mean(error.name, known)}"
    return None
