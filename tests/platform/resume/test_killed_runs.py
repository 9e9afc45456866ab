"""A run that is killed at any of its recorded events loses nothing, and repeats no stage that had ended."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Return the undisturbed run, and what became of each that was killed."""
    folder = tmp_path_factory.mktemp("killed")
    done = subprocess.run(
        [sys.executable, str(HERE / "killed_runs.py"), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_document_is_large_enough(told: list[Any]) -> None:
    whole = told[0]
    assert whole["status"] == "SUCCESS"
    assert whole["outputs"] == {"v": 7, "child": 5, "m": 2, "py": 21, "loops": 2}
    finished = {it.split()[-1] for it in whole["events"] if "finished" in it}
    assert len(finished) >= 30
    assert len(told) == len(whole["events"]) + 1 > 100


def parted(lines: list[str]) -> tuple[list[str], str, list[str], list[str]]:
    """Return what was done before the kill, where it was, what was done after, and what in a second resumption."""
    at = next(index for index, line in enumerate(lines) if line.startswith("killed"))
    rest = [*lines[at + 2 :], "resumed again"]
    end = rest.index("resumed again")
    return lines[:at], lines[at], rest[:end], rest[end + 1 :]


def test_every_killed_run_comes_to_the_same_end(told: list[Any]) -> None:
    whole, *killed = told
    for each in killed:
        _, where, _, _ = parted(each["trace"])
        assert each["code"] == -9, where
        found = each["again"] or each["found"]
        assert (found["status"], found["outputs"]) == ("SUCCESS", whole["outputs"]), where
        assert found["codes"] == whole["codes"], where


def test_no_stage_that_had_ended_is_begun_again(told: list[Any]) -> None:
    for each in told[1:]:
        before, where, after, again = parted(each["trace"])
        finished = {line.split()[1] for line in before if line.startswith("finished")}
        if where.startswith("killed after finished"):
            finished.add(where.split()[-1])
        begun = {line.split()[1] for line in [*after, *again] if line.startswith("began")}
        assert not finished & begun, where
        assert finished | {line.split()[1] for line in before if line.startswith("began")} | begun


def test_an_effect_happens_once_unless_it_was_under_way_and_may_be_repeated(
    told: list[Any],
) -> None:
    for each in told[1:]:
        before, where, _, _ = parted(each["trace"])
        effects = Counter(line.split()[1] for line in each["trace"] if line.startswith("effect"))
        finished = {line.split()[1] for line in before if line.startswith("finished")}
        under_way = where.split()[-1] if "before finished" in where else None
        for path, times in effects.items():
            if path == under_way and path not in finished:
                assert times == 2, (where, path)
            else:
                assert times == 1, (where, path)


def test_an_effect_that_may_not_be_repeated_ends_as_interrupted(told: list[Any]) -> None:
    interrupted = [each for each in told[1:] if each["found"]["status"] != "SUCCESS"]
    places = [parted(each["trace"])[1] for each in interrupted]
    assert places == ["killed after started first:once", "killed before finished first:once"]
    for each in interrupted:
        assert each["found"]["codes"]["first:once"] == "INTERRUPTED"
        assert each["again"]["codes"]["first:once"] == "DONE"
