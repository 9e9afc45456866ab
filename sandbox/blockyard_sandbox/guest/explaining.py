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
    if _missing_name(error) in UNAVAILABLE:
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
    name = _missing_name(error)
    if name in UNAVAILABLE:
        return f"{name} is not available in a stage: {UNAVAILABLE[name]}"
    if name is not None:
        known = [*namespace, *namespace["__builtins__"]]
        near = [other for other in known if not other.startswith("_") and other != name]
        return f"{words_of(error)}{did_you_mean(name, near)}"
    if type(error) is AttributeError and type(error.name) is str:
        return f"{words_of(error)}{did_you_mean(error.name, table.get(type(error.obj), ()))}"
    return None


def _missing_name(error: BaseException) -> str | None:
    """Return the name of Python's own error about a name; a user's subclass is not asked."""
    if type(error) is NameError or type(error) is UnboundLocalError:
        return error.name if type(error.name) is str else None
    return None
