"""Documents in ddeutil-workflow, from standard input: prints the seconds of each; run by that package's own interpreter."""

import importlib
import json
import os
import statistics
import sys
import tempfile
import time
from typing import Any


def main() -> None:
    """Print a list of the median seconds of so many runs, or why there are none; loading is not counted."""
    rounds = int(sys.argv[1])
    documents: list[Any] = json.load(sys.stdin)
    os.environ["WORKFLOW_LOG_TRACE_HANDLERS"] = "[]"
    os.chdir(tempfile.mkdtemp())
    workflow: Any = importlib.import_module("ddeutil.workflow").Workflow
    print(json.dumps([_seconds(workflow, document, rounds) for document in documents]))


def _seconds(workflow: Any, document: Any, rounds: int) -> float | str:
    seconds: list[float] = []
    for _ in range(rounds):
        loaded = workflow.model_validate(document)
        begun = time.perf_counter()
        result = loaded.execute({}, timeout=3600)
        seconds.append(time.perf_counter() - begun)
        if str(result.status) != "SUCCESS":
            return f"ended with {result.status}"
    return statistics.median(seconds)


main()
