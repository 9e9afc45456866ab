"""A short soak on each database; ``make soak`` runs the long one."""

from pathlib import Path

import pytest

from ...store.postgres import REQUIRED, programs
from .soak import LEAST, soak


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_is_lost_and_nothing_is_done_twice(database: str, tmp_path: Path) -> None:
    if database == "postgresql" and programs() is None:
        if REQUIRED:
            pytest.fail("PostgreSQL's server is required here: install the package postgresql")
        pytest.skip("PostgreSQL's server is not installed")
    report = soak(database, tmp_path, seconds=20, every=3, seed=20261121)
    assert report.wrong == [], report.words()
    assert report.accepted >= LEAST
    assert sum(report.faults.values()) >= 1
