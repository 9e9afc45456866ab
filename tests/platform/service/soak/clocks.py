"""The clock of one process, by libfaketime: it can jump, while the steady clocks go on as they are."""

import os
from pathlib import Path

_LIBRARY = "*/faketime/libfaketimeMT.so.1"

_SLEEP = '''
"""Python sleeps until a moment of the steady clock, which libfaketime takes for one of the other clock, and refuses."""

import select
import time

time.sleep = lambda seconds: select.select([], [], [], seconds) and None
'''


def clock_of(folder: Path) -> tuple[Path | None, dict[str, str]]:
    """Return a file by which a process's clock can be set, and the variables for that process; none without libfaketime."""
    library = next(iter(sorted(Path("/usr/lib").glob(_LIBRARY))), None)
    if library is None:
        return None, {}
    clock, patch = folder / "clock", folder / "sleep"
    clock.write_text("+0\n")
    patch.mkdir()
    (patch / "sitecustomize.py").write_text(_SLEEP)
    path = os.pathsep.join(filter(None, (str(patch), os.environ.get("PYTHONPATH"))))
    return clock, {
        "LD_PRELOAD": str(library),
        "PYTHONPATH": path,
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
