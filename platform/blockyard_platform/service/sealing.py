"""How the registry's secrets are sealed: with the key ring, for their tenant, name and version.

The version stands with the tenant: no tenant's name has a slash, so that the two cannot be taken for another's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blockyard_platform.secrets.sealing import KeyRing
    from blockyard_platform.service.registry.sealed import Place, Sealing


def sealer(keys: KeyRing) -> Sealing:
    """Return what seals a secret for its place. It raises SecretValueError."""
    return lambda value, place: keys.seal(_owner(place), place.name, value)


def opener(keys: KeyRing) -> Sealing:
    """Return what opens a secret that was sealed for this very place. It raises SealedError."""
    return lambda sealed, place: keys.open(_owner(place), place.name, sealed)


def resealer(keys: KeyRing) -> Sealing:
    """Return what seals a sealed secret with the newest key; one that is so already stays as it is. It raises SealedError."""
    return lambda sealed, place: keys.reseal(_owner(place), place.name, sealed)


def _owner(place: Place) -> str:
    return f"{place.tenant}/{place.version}"
