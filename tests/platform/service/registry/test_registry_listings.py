"""Every listing, of one tenant and of all: no row and no cursor leads to another tenant's things."""

from collections.abc import Iterator
from typing import Any

import pytest

from blockyard_platform.service.registry import tenants
from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import InvalidError
from blockyard_platform.service.registry.paging import Ask, Page

from .conftest import ADMIN, Ids, by
from .every_call import LISTINGS


def pages(
    database: Database, name: str, caller: Caller, tenant: str | None, limit: int
) -> Iterator[Page[Any]]:
    """Yield the pages of a listing to its end."""
    ask = Ask(None, limit)
    while True:
        with database.reading() as work:
            found = LISTINGS[name](work, caller, tenant, ask)
        yield found
        if found.next is None:
            return
        ask = Ask(found.next, limit)


def tenant_of(item: Any) -> str | None:
    if isinstance(item, dict):
        return str(item["tenant"])  # pyright: ignore[reportUnknownArgumentType]
    return item.name if isinstance(item, tenants.Tenant) else item.tenant


@pytest.mark.parametrize("name", LISTINGS)
def test_a_listing_has_no_row_of_another_tenant(name: str, database: Database, ids: Ids) -> None:
    for tenant in (None, "ant"):
        whole = [
            it
            for page in pages(database, name, by("admin", "ant"), tenant, 500)
            for it in page.items
        ]
        shared = {None} if name == "switches.page" else set[None]()
        assert set(map(tenant_of, whole)) == {"ant"} | shared
        by_one = [page.items for page in pages(database, name, by("admin", "ant"), tenant, 1)]
        assert [it for items in by_one for it in items] == whole
        assert {len(items) for items in by_one} == {1}
    everybody = [it for page in pages(database, name, ADMIN, None, 2) for it in page.items]
    if name not in (
        "policies.page",
        "workflows.page",
        "workflows.versions",
        "workflows.texts",
        "sealed.page",
    ):
        assert {"ant", "bee"} <= set(map(tenant_of, everybody))


@pytest.mark.parametrize("name", LISTINGS)
def test_a_cursor_of_another_tenant_opens_nothing(name: str, database: Database, ids: Ids) -> None:
    cursors = [it.next for it in pages(database, name, ADMIN, None, 1) if it.next is not None]
    cursors += [it.next for it in pages(database, name, by("admin", "bee"), None, 1) if it.next]
    with database.reading() as work:
        for cursor in cursors:
            found = LISTINGS[name](work, by("admin", "ant"), None, Ask(cursor, 500))
            assert {tenant_of(it) for it in found.items} <= {"ant", None}
            for other in set(LISTINGS) - {name}:
                with pytest.raises(InvalidError, match="no cursor of this listing"):
                    LISTINGS[other](work, by("admin", "ant"), None, Ask(cursor, 500))
