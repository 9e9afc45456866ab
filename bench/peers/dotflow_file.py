"""Trivial tasks in dotflow with checkpoints in files: prints seconds for so many; run by that package's own interpreter."""

import importlib
import statistics
import sys
import tempfile
import time
from typing import Any

sys.path.pop(0)  # a file beside this one bears the package's name


def main() -> None:
    """Print the median of so many sequential workflows in seconds: adding and running."""
    tasks, rounds = int(sys.argv[1]), int(sys.argv[2])
    package: Any = importlib.import_module("dotflow")
    providers: Any = importlib.import_module("dotflow.providers")

    def step() -> int:
        return 1

    seconds: list[float] = []
    for _ in range(rounds):
        begun = time.perf_counter()
        storage = providers.StorageFile(path=tempfile.mkdtemp())
        workflow = package.DotFlow(config=package.Config(storage=storage))
        made = package.action(step)
        for _ in range(tasks):
            workflow.task.add(step=made)
        workflow.start()
        seconds.append(time.perf_counter() - begun)
    print(statistics.median(seconds))


main()
