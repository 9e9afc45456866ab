"""The operations of a guest: those of the language, and those that the admin's extensions add."""

import random
from collections.abc import Callable, Mapping
from typing import Any

from blockyard_sandbox.guest.language import language
from blockyard_sandbox.guest.running import Stages

Handler = Callable[[dict[str, Any]], Any]


def handlers(extensions: Mapping[str, Handler]) -> dict[str, Handler]:
    """Return the operations by name.

    - ``python``: {"code", "vars"} -> {"outputs": {...}}
    - ``expressions``: {"sources": [text], "names": {...}} -> [value]
    - ``check``: {"code"} or {"expression"} -> {"errors": [{"line", "message", "text"}]}
    - ``ping``: {} -> "pong"

    An extension can't take the name of one of these: raises ValueError.
    """
    random.seed()  # a forked process must not go on with the numbers of the one it came from
    stages = Stages(language())
    own: dict[str, Handler] = {
        "python": stages.python,
        "expressions": stages.expressions,
        "check": stages.check,
        "ping": lambda _: "pong",
    }
    taken = own.keys() & extensions.keys()
    if taken:
        raise ValueError(
            f"an extension can't take the name of an operation: {', '.join(sorted(taken))}"
        )
    return {**extensions, **own}
