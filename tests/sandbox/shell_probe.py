"""The operation ``shell`` as it is, which also tells whether its bash was started ahead, and a way to forbid that."""

from collections.abc import Mapping
from typing import Any

from blockyard_sandbox.guest.shell import Shell


class Probe(Shell):
    """Adds ``ahead`` to its answers; with ``cold`` in the configuration it never starts a bash ahead."""

    def __init__(self, *, cold: bool) -> None:
        super().__init__()
        self._cold = cold

    def __call__(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        ahead = self._waiting is not None
        return {**super().__call__(payload), "ahead": ahead}

    def prepare(self) -> None:
        if not self._cold:
            super().prepare()


def make(settings: Any) -> Probe:
    """Return the operation."""
    return Probe(cold=settings["cold"])
