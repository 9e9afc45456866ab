"""The platform's own host blocks: what a tenant may do beyond its jail, each held to the policy.

They live in this room, since they use the sandbox's rules for hosts and paths, which the room of blocks does not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_blocks.catalog import Catalog

MODULES: Final[Mapping[str, tuple[str, ...]]] = {
    "email": (f"{__name__}.mails",),
    "file": (f"{__name__}.files",),
    "http": (f"{__name__}.http_requests",),
    "kv": (f"{__name__}.keys",),
    "notify": (f"{__name__}.notices",),
    "sql": (f"{__name__}.queries",),
}
"""The modules that hold the host blocks, by category; one is imported when a block of it is first looked up."""


def platform_catalog() -> Catalog:
    """Return the built-in blocks and the platform's host blocks; nothing of them is loaded yet."""
    from blockyard_blocks.catalog import Catalog

    return with_host_blocks(Catalog.builtin())


def with_host_blocks(catalog: Catalog) -> Catalog:
    """Return a catalog with the platform's host blocks; raise CatalogError when it has families of their names."""
    return catalog.with_hosted(MODULES)
