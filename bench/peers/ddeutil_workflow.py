"""Trivial stages in ddeutil-workflow: prints seconds for so many; run by that package's own interpreter."""

import importlib
import os
import statistics
import sys
import time
from typing import Any


def document(stages: int) -> dict[str, Any]:
    """Return a workflow of one job with so many Python stages."""
    steps = [{"name": f"s{i}", "id": f"s{i}", "run": "x = 1"} for i in range(stages)]
    return {"name": "bench", "type": "Workflow", "jobs": {"main": {"stages": steps}}}


def main() -> None:
    """Print the median of so many runs in seconds: loading is not counted."""
    stages, rounds = int(sys.argv[1]), int(sys.argv[2])
    os.environ["WORKFLOW_LOG_TRACE_HANDLERS"] = "[]"
    workflow: Any = importlib.import_module("ddeutil.workflow").Workflow
    seconds: list[float] = []
    for _ in range(rounds):
        loaded = workflow.model_validate(document(stages))
        begun = time.perf_counter()
        result = loaded.execute({}, timeout=3600)
        seconds.append(time.perf_counter() - begun)
        if str(result.status) != "SUCCESS":
            sys.exit(f"the run ended with {result.status}")
    print(statistics.median(seconds))


main()
