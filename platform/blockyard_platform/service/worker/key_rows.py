"""A tenant's keys in the service's database, so that its runs find the same on every machine that has a worker."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, cast

from blockyard_platform.containers import fail
from blockyard_platform.service.registry import keys
from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.store.errors import StoreError
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager

    from blockyard_platform.service.registry.database import Database, Reading, Writing


class KeyRows:
    """The shelf of a tenant in one transaction; it is changed in one that writes alone."""

    def __init__(self, work: Reading, tenant: str) -> None:
        """Look and change in this transaction."""
        self._looking = work
        self._tenant = tenant
        self._caller = Caller.service(tenant)

    @property
    def _work(self) -> Writing:
        return cast("Writing", self._looking)

    def read(self, key: str, now: float) -> str | None:
        """Return the text of a value."""
        return keys.read(self._looking, self._caller, self._tenant, key, now)

    def remove(self, key: str) -> bool:
        """Take a key away; return whether it was there."""
        return keys.remove(self._work, self._caller, self._tenant, key)

    def size(self) -> int:
        """Return the bytes of all keys."""
        return keys.size(self._looking, self._caller, self._tenant)

    def add(self, key: str, text: str, size: int, expires: float | None) -> None:
        """Add a key that is not there."""
        keys.add(self._work, self._caller, self._tenant, key, text, size, expires)

    def sweep(self, now: float) -> None:
        """Take away what has expired."""
        keys.sweep(self._work, self._caller, self._tenant, now)

    def names(self, prefix: str, after: str, most: int, now: float) -> list[str]:
        """Return keys that begin with a prefix, in the order of their bytes, from the one after another."""
        return keys.names(self._looking, self._caller, self._tenant, prefix, after, most, now)


def shared(database: Database) -> Callable[[str, bool], AbstractContextManager[KeyRows]] | None:
    """Return what opens the keys of a tenant; ``None`` for a database that one machine has, where each tenant has a file of its own."""
    return None if database.engine.dialect.name == "sqlite" else Turns(database).opened


class Turns:
    """Opens the keys of a tenant for one of its stages at a time.

    The others wait without a connection: those of a worker are for the journals of all tenants, and one tenant's stages must not take them up.
    """

    def __init__(self, database: Database) -> None:
        """Nobody waits yet."""
        self._database = database
        self._turns: dict[str, Lock] = {}

    @contextmanager
    def opened(self, tenant: str, writing: bool) -> Generator[KeyRows]:
        """Wait for the tenant's turn, and open its keys. Raises StageFailureError."""
        with (
            self._turns.setdefault(tenant, Lock()),
            opened(self._database, tenant, writing) as found,
        ):
            yield found


@contextmanager
def opened(database: Database, tenant: str, writing: bool) -> Generator[KeyRows]:
    """Open a tenant's keys in a transaction; one that writes begins by locking them. Raises StageFailureError."""
    try:
        if not writing:
            with database.reading() as looking:
                yield KeyRows(looking, tenant)
            return
        with database.writing() as work:
            keys.lock(work, Caller.service(tenant), tenant)
            yield KeyRows(work, tenant)
    except StoreError:
        # What the database says is not for tenants to read: it may name hosts and users.
        message = "the tenant's keys cannot be used at the moment"
        raise fail(Code.UNHANDLED_EXCEPTION, message) from None
