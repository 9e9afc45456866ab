"""Trivial steps in pyconduit: prints seconds for so many; run by that package's own interpreter."""

import asyncio
import importlib
import statistics
import sys
import time
import warnings
from typing import Any

sys.path.pop(0)  # this file bears the package's name


def main() -> None:
    """Print the median of so many jobs in seconds: building and running, as a host would do for each request."""
    warnings.simplefilter("ignore")
    steps, rounds = int(sys.argv[1]), int(sys.argv[2])
    package: Any = importlib.import_module("pyconduit")

    def echo(*, x: Any) -> Any:
        return x

    made = package.ConduitBlock.make(name="bench_echo")(echo)
    seconds: list[float] = []
    for _ in range(rounds):
        begun = time.perf_counter()
        job = package.Conduit()
        for number in range(steps):
            job.create_step(made.display_name, parameters={"x": number})
        asyncio.run(job.run())
        seconds.append(time.perf_counter() - begun)
        if job.success is not True:
            sys.exit("the job failed")
    print(statistics.median(seconds))


main()
