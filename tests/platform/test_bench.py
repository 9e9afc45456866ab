"""The benchmarks work; what they measure is for ``make bench``."""

import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench"


def test_the_floor_is_measured_by_the_layers_of_the_jail() -> None:
    done = subprocess.run(
        [sys.executable, "-I", str(BENCH / "floor.py"), "3"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert 0 < float(done.stdout) < 60
