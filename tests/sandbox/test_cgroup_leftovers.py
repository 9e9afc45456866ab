"""Groups that a killed platform has left are removed, also when its process ends while it is looked at."""

import os
from pathlib import Path

import pytest

from blockyard_sandbox.jail import cgroups
from blockyard_sandbox.limits import GuestLimits


def test_an_owner_that_ends_while_it_is_read_is_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = cgroups.owner()
    namespace, _, started = own.split("-")
    left = tmp_path / f"blockyard-{namespace}-{os.getpid() + 1}-{started}-7f-0"
    left.mkdir()

    def read(pid: int) -> str:
        if pid != os.getpid():
            raise ProcessLookupError(pid)
        return started

    monkeypatch.setattr(cgroups, "_started", read)
    with pytest.raises(FileNotFoundError):  # a plain folder has no list of processes
        cgroups.CgroupPool((tmp_path,)).acquire(GuestLimits())
    (made,) = tmp_path.iterdir()
    assert made.name.startswith(f"blockyard-{own}-")
