"""The heart of the suite once more, as an ordinary user: without root there are no control groups and no own users."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CHOSEN = (
    "test_full_python.py::test_an_attack_is_stopped",
    "test_system_calls.py",
    "test_wire.py",
    "test_neighbours.py",
    "test_leftovers.py",
    "test_layers.py::test_the_whole_jail_stops_it",
)


@pytest.mark.skipif(os.getuid() != 0, reason="the suite is run by an ordinary user as it is")
def test_an_ordinary_users_jail_stops_the_same_attacks() -> None:
    folders = {sys.prefix, sys.base_prefix, str(HERE.parents[1])}
    with tempfile.TemporaryDirectory(prefix="blockyard-nobody-") as home:
        Path(home).chmod(0o777)
        run = subprocess.run(
            [
                *(sys.executable, str(HERE / "as_ordinary_user.py"), ",".join(sorted(folders))),
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
                *(f"--rootdir={HERE.parents[1]}", f"--basetemp={home}/base"),
                *(str(HERE / name) for name in CHOSEN),
            ],
            env={"HOME": home, "TMPDIR": home, "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=HERE.parents[1],
            capture_output=True,
            text=True,
            check=False,
        )
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    found = re.search(r"(\d+) passed", run.stdout)
    assert found is not None
    assert int(found[1]) > 350
