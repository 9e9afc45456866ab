"""Where secrets come from: the service's registry, or one person's file. A run asks for one just before a block is given it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol, runtime_checkable

from blockyard_platform.secrets.errors import SecretError
from blockyard_platform.secrets.names import ADMIN
from blockyard_schemas.nearest import did_you_mean
from blockyard_schemas.showing import shown


class Secrets(Protocol):
    """The secrets of one tenant, and those of the platform's admin, whose names begin with ``admin/``."""

    def reveal(self, name: str) -> str:
        """Return what a secret holds. Called from threads; it may block. Raises SecretError when it is not there."""
        ...


@runtime_checkable
class Listing(Protocol):
    """Secrets that know their names, so that a document with a name that is not there is refused before it is run."""

    def names(self) -> Collection[str]:
        """Return the names of all secrets."""
        ...


class GivenSecrets:
    """Secrets that are held in memory."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        """Take values by name; an admin's names begin with ``admin/``."""
        self._values = dict(values)

    def __repr__(self) -> str:
        """Show how many there are, never what they hold."""
        return f"{type(self).__name__}({len(self._values)} secrets)"

    def reveal(self, name: str) -> str:
        """Return what a secret holds. Raises SecretError."""
        value = self._values.get(name)
        if value is None:
            raise unknown(name, self._values)
        return value

    def names(self) -> Collection[str]:
        """Return the names."""
        return frozenset(self._values)


def names_of(secrets: Secrets) -> frozenset[str] | None:
    """Return the names of a tenant's own secrets; ``None`` when only asking for one tells."""
    if not isinstance(secrets, Listing):
        return None
    return frozenset(name for name in secrets.names() if not name.startswith(ADMIN))


def unknown(name: str, known: Collection[str] = ()) -> SecretError:
    """Return the error for a secret that is not there."""
    return SecretError(f"there is no secret {shown(name)}", did_you_mean(name, known) or "set it")
