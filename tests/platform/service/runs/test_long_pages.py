"""Listings of what is long: a page has no more than can be held, and none is left out."""

import json

import pytest
import sqlalchemy as sa

from blockyard_platform.service.registry import paging, schedules
from blockyard_platform.service.registry.paging import Ask, Page
from blockyard_platform.service.registry.schedules import Timing
from blockyard_platform.service.runs import details
from blockyard_platform.service.runs.views import StageRow
from blockyard_platform.store.tables import BLOBS, RECORDS

from .conftest import ANT, Desk, by

LONGEST = 1_000
WIDTHS = [400, 400, 400, 5_000, 100, 100, 100, 900, 90]
"""Characters that stages have in their outputs, each of which stands in another column."""
PAGES = [["s0", "s1"], ["s2"], ["s3"], ["s4", "s5", "s6"], ["s7", "s8"]]


@pytest.fixture(autouse=True)
def shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "LONGEST", LONGEST)


def stage(desk: Desk, run_id: str, number: int, width: int) -> None:
    """Write a stage that put out so many characters, every other one in a blob, as what is long is kept."""
    text = json.dumps(f"{number}" * (width - 2))
    blob = f"{number:064}" if number % 2 else None
    row = {"run": run_id, "path": f"s{number}", "seq": number, "id": f"s{number}", "kind": "empty"}
    row |= {"status": "SUCCESS", "code": 0, "seconds": 0.0, "attempts": 1, "cpu_seconds": 0.0}
    row |= {"outputs": None if blob else text, "blob": blob}
    with desk.database.writing() as work:
        if blob is not None:
            work.connection.execute(sa.insert(BLOBS), {"digest": blob, "data": text.encode()})
        work.connection.execute(sa.insert(RECORDS), row)


def stages(desk: Desk, run_id: str, ask: Ask) -> Page[StageRow]:
    with desk.database.reading() as work:
        return details.stages(work, ANT, "ant", run_id, ask)


def test_a_page_of_stages_ends_where_it_would_be_too_long(desk: Desk) -> None:
    run_id = desk.submit()
    for number, width in enumerate(WIDTHS):
        stage(desk, run_id, number, width)
    pages: list[list[str]] = []
    after: str | None = None
    while after is not None or not pages:
        found = stages(desk, run_id, Ask(after, 500))
        assert [len(it.outputs) + 2 for it in found.items] == [
            WIDTHS[int(it.path[1:])] for it in found.items
        ]
        pages.append([it.path for it in found.items])
        after = found.next
    assert pages == PAGES
    assert [it.path for it in stages(desk, run_id, Ask(None, 1)).items] == ["s0"]


def test_a_page_of_schedules_does_so_too(desk: Desk) -> None:
    own = by("admin", "bee")
    with desk.database.writing() as work:
        for number in range(5):
            timing = Timing("report", "0 7 * * *", params={"text": "x" * 480})
            schedules.put(work, own, "bee", f"long{number}", timing)
    with desk.database.reading() as work:
        first = schedules.page(work, own, "bee", Ask(None, 500))
        second = schedules.page(work, own, "bee", Ask(first.next, 500))
    assert [it.name for it in first.items] == ["long0", "long1"]
    assert [it.name for it in second.items] == ["long2", "long3"]
