"""The houses in which a worker's runs live: one a tenant and version of its policy, on premises that all share."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from blockyard_platform.engine.house import House
from blockyard_platform.engine.premises import Premises
from blockyard_platform.service.recent import Recent

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from blockyard_platform.service.admitting import Admitting, Rules
    from blockyard_platform.service.worker.key_rows import KeyRows
    from blockyard_sandbox.spec import Level

_HOUSES = 1_000


class Houses:
    """Makes houses for tenants. The premises of a level of the jail are opened when the first tenant of that level needs them."""

    def __init__(
        self,
        admitting: Admitting,
        state: Iterable[str],
        data: str | os.PathLike[str],
        keys: Callable[[str, bool], AbstractContextManager[KeyRows]] | None = None,
    ) -> None:
        """Open nothing yet. ``state`` are the platform's own files, and ``data`` the folder for what tenants keep; ``keys`` opens keys that are elsewhere."""
        self._admitting = admitting
        self._state = tuple(state)
        self._data = data
        self._keys = keys
        self._premises: dict[Level, Premises] = {}
        self._houses: Recent[House] = Recent(_HOUSES)

    def house(self, rules: Rules) -> House:
        """Return the house of a tenant under its policy; to be called in the loop of the runs."""
        return self._houses.get((rules.tenant, rules.version), lambda: self._build(rules))

    def warm(self) -> None:
        """Begin to start the jail at its full level, which most tenants have."""
        self._at("full").warm()

    async def close(self) -> None:
        """Close all premises."""
        for premises in self._premises.values():
            await premises.close()

    def _build(self, rules: Rules) -> House:
        return House(
            rules.policy,
            premises=self._at(rules.policy.isolation),
            secrets=self._admitting.secrets(rules.tenant),
            stops=partial(self._admitting.why_stopped, rules.tenant),
        )

    def _at(self, level: Level) -> Premises:
        premises = self._premises.get(level)
        if premises is None:
            premises = Premises(
                self._admitting.catalog, level, state=self._state, data=self._data, keys=self._keys
            )
            self._premises[level] = premises
        return premises
