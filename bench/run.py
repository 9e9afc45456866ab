"""``make bench``: Blockyard beside three other engines, in one run, as a table with ratios and goals."""

import argparse
import asyncio
import json
import subprocess
import sys
from pathlib import Path

import environments
import language
import ours
import peering
import same_documents
import service
from goals import Goal, show

HELLO = "name: hello\nstages: [{id: a, run: 'result = 1'}]\n"


def peers(sizes: list[int], rounds: int, full: bool) -> dict[str, dict[int, float | str]]:
    """Return by peer and size the seconds of a run, or why there are none."""
    found: dict[str, dict[int, float | str]] = {}
    for name, most in peering.STAGES.items():
        found[name] = {}
        try:
            python = peering.install(name)
        except (subprocess.CalledProcessError, OSError) as error:
            found[name] = dict.fromkeys(
                sizes, f"not installed: {getattr(error, 'stderr', error)!s:.60}"
            )
            continue
        for size in sizes:
            print(f"{name}: {size} stages ...", file=sys.stderr, flush=True)
            found[name][size] = (
                _peer(python, name, size, rounds)
                if size <= most or full
                else "not run (minutes; --full)"
            )
    return found


def dotflow(rounds: int) -> dict[str, float | str]:
    """Return by case the seconds of 1,000 tasks in dotflow, or why there are none."""
    try:
        python = peering.install("dotflow")
    except (subprocess.CalledProcessError, OSError) as error:
        return {"memory": f"not installed: {error}"}
    cases = {"memory": "dotflow", "file": "dotflow_file"}
    return {case: _peer(python, name, 1_000, rounds) for case, name in cases.items()}


def print_kinds(seconds: dict[str, float]) -> None:
    """Print what a stage of each further kind takes, with the stage that it holds."""
    print(f"\n{'a stage of a kind, in a run of 200':<62}{'us':>10}")
    for name, each in seconds.items():
        print(f"{name:<62}{each * 1e6:>10.1f}")


def _peer(python: Path, name: str, size: int, rounds: int) -> float | str:
    try:
        return peering.seconds(python, name, size, rounds if size < 10_000 else 1)
    except (subprocess.CalledProcessError, ValueError, IndexError) as error:
        return f"failed: {str(getattr(error, 'stderr', '') or error).strip().splitlines()[-1]:.60}"


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="up to 1,000 stages, two rounds")
    parser.add_argument("--full", action="store_true", help="the peers' slowest cases, too")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    options = parser.parse_args()
    sizes = [10, 100, 1_000] if options.quick else [10, 100, 1_000, 10_000]
    rounds = 2 if options.quick else 5
    print("measuring our own runs ...", file=sys.stderr, flush=True)
    mine = ours.measure(sizes, rounds)
    theirs = peers(sizes, min(rounds, 3), options.full)
    print_runs(sizes, mine, theirs)
    kinds = language.kinds(rounds)
    print_kinds(kinds)
    goals = reckon(sizes, mine, theirs) + language.reckon(rounds, dotflow(rounds))
    goals.append(Goal("bash stage / bare fork and jail", kinds["bash"] / ours.floor(100), 2, "x"))
    print("measuring environments ...", file=sys.stderr, flush=True)
    goals += environments.goals(15)
    print("measuring the service ...", file=sys.stderr, flush=True)
    goals += service.goals(quick=options.quick)
    print("\n".join(["", *map(show, goals)]))
    print("measuring the same documents in ddeutil-workflow ...", file=sys.stderr, flush=True)
    same = same_documents.table(rounds)
    print("\n".join(["", *map(show, same)]))
    goals += same
    if options.json:
        figures = {"ours": mine, "peers": theirs, "goals": [goal._asdict() for goal in goals]}
        Path(options.json).write_text(json.dumps(figures, indent=1))


def print_runs(
    sizes: list[int],
    mine: dict[str, dict[int, tuple[float, float]]],
    theirs: dict[str, dict[int, float | str]],
) -> None:
    """Print whole runs: milliseconds, microseconds a stage, and how often the fresh python run fits into a peer's."""
    print(f"{'run of trivial stages':<28}{'stages':>8}{'ms':>12}{'us/stage':>10}{'x ours':>9}")
    for size in sizes:
        base = mine["python, fresh source"][size][0]
        rows: list[tuple[str, float | str]] = [
            (f"blockyard {kind}", mine[kind][size][0]) for kind in mine
        ]
        rows += [(name, theirs[name][size]) for name in theirs]
        for name, seconds in rows:
            if isinstance(seconds, str):
                print(f"{name:<28}{size:>8}  {seconds}")
            else:
                print(
                    f"{name:<28}{size:>8}{seconds * 1e3:>12.2f}{seconds / size * 1e6:>10.1f}{seconds / base:>9.2f}"
                )


def reckon(
    sizes: list[int],
    mine: dict[str, dict[int, tuple[float, float]]],
    theirs: dict[str, dict[int, float | str]],
) -> list[Goal]:
    """Measure what is left, and hold every figure to its goal."""
    python, block = mine["python, fresh source"], mine["guest block"]
    print("measuring the first stage and whole processes ...", file=sys.stderr, flush=True)
    floor, first = ours.floor(100), asyncio.run(ours.first_stage(60))
    hello = Path(__file__).parent / "results"
    hello.mkdir(exist_ok=True)
    (hello / "hello.yaml").write_text(HELLO)
    command = str(Path(sys.executable).parent / "blockyard")
    bare = ours.process([sys.executable, "-c", "pass"], 7)
    goals = [
        Goal("python stage in a running guest, fresh source", python[1_000][1] * 1e6, 100, "us"),
        Goal("guest block in a running guest", block[1_000][1] * 1e6, 60, "us"),
        Goal(
            f"first stage of a run / bare fork and jail ({floor * 1e3:.2f} ms)",
            first / floor,
            1.5,
            "x",
        ),
        Goal("first stage of a run", first * 1e3, 5, "ms"),
        Goal(
            "blockyard run of a hello workflow",
            ours.process([command, "run", str(hello / "hello.yaml")], 7) * 1e3,
            300,
            "ms",
        ),
        Goal(
            "import blockyard_platform",
            (ours.process([sys.executable, "-c", "import blockyard_platform"], 7) - bare) * 1e3,
            80,
            "ms",
        ),
        Goal("validation of a document of 100 stages", ours.validation(100, 15) * 1e3, 20, "ms"),
    ]
    if 10_000 in sizes:
        goals += [
            Goal(
                f"cost of a stage at 10,000 / at 100: {kind}",
                mine[kind][10_000][1] / mine[kind][100][1],
                1.2,
                "x",
            )
            for kind in mine
        ]
    goals += container_goals()
    same = mine["python, one source"][1_000][0]  # the peers run one source a thousand times, too
    for name in ("ddeutil_workflow", "pyconduit"):
        seconds = theirs[name][1_000]
        if not isinstance(seconds, str):
            goals.append(
                Goal(
                    f"1,000 stages: ours as a part of {name}'s time",
                    same / seconds,
                    0.2,
                    "x",
                )
            )
    return goals


def container_goals() -> list[Goal]:
    """Measure a container stage beside the same ``docker run``, where an engine can be started."""
    import boxes

    if not boxes.possible():
        print("containers: not measured (needs root, dockerd, docker and busybox)", file=sys.stderr)
        return []
    print("measuring containers ...", file=sys.stderr, flush=True)
    stage, command = boxes.measure(15)
    name = f"container stage / the same docker run ({command * 1e3:.0f} ms)"
    return [Goal(name, stage / command, 1.15, "x")]


if __name__ == "__main__":
    main()
