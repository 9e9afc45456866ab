"""Databases of both kinds, with two tenants, as the registry's tests have them."""

from ...store.conftest import place, postgres
from ..registry.conftest import clock, database, filled_file, filled_server

__all__ = ["clock", "database", "filled_file", "filled_server", "place", "postgres"]
