"""Exit codes of the command line, and which outcome gives which."""

from collections.abc import Iterable
from enum import IntEnum

from blockyard_schemas.problems import REFUSALS, Problem


class Exit(IntEnum):
    """What the process tells its caller."""

    SUCCESS = 0
    FAILED = 1
    INVALID = 2
    REFUSED = 3
    NO_SANDBOX = 4
    NO_SERVER = 5
    """The server cannot be reached, does not do it now, or does not let the token's holder do it."""
    INTERRUPTED = 130


def exit_of(problems: Iterable[Problem]) -> Exit:
    """Return REFUSED when a policy alone stands in the way, INVALID when anything else is wrong."""
    found = tuple(problems)
    if not found:
        return Exit.SUCCESS
    return Exit.REFUSED if all(problem.rule in REFUSALS for problem in found) else Exit.INVALID
