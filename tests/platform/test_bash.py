"""The bash stage: real bash, its variables as data, its lines as they come, its end told exactly."""

import asyncio
import time
from typing import Any

import pytest

from blockyard_platform import Runner, RunResult, validate
from blockyard_schemas.policy import Policy


async def ran(runner: Runner, script: str, **more: Any) -> RunResult:
    return await runner.run({"name": "t", "stages": [{"id": "a", "bash": script, **more}]})


def stage(result: RunResult) -> Any:
    assert result.problems == ()
    return result.as_dict()["jobs"]["main"]["stages"]["a"]


async def test_the_outputs_are_both_streams_and_the_code(runner: Runner) -> None:
    result = await ran(runner, "echo out; echo err >&2; printf '%s' ' end'")
    assert stage(result)["outputs"] == {"return_code": 0, "stdout": "out\n end", "stderr": "err\n"}
    assert sorted(line.text for line in result.logs) == [" end", "err", "out"]


@pytest.mark.parametrize(
    "value", ["a b", "'; echo no; '", '$(echo no) "x" `id`', "line\nline", "${HOME} {: x :}", "é\t"]
)
async def test_a_variable_reaches_the_script_as_it_is(runner: Runner, value: str) -> None:
    document = {
        "name": "t",
        "params": {"v": "string"},
        "stages": [{"id": "a", "bash": 'printf %s "$V"', "env": {"V": "${{ params.v }}"}}],
    }
    result = await runner.run(document, params={"v": value})
    assert stage(result)["outputs"]["stdout"] == value


async def test_other_values_become_text(runner: Runner) -> None:
    env = {"N": 1.5, "B": True}
    assert stage(await ran(runner, "echo $N $B", env=env))["outputs"]["stdout"] == "1.5 true\n"


async def test_an_exit_code_and_a_signal_are_told_apart(runner: Runner) -> None:
    ended = stage(await ran(runner, "echo before; echo why >&2; exit 3"))
    assert (ended["status"], ended["code"]) == ("FAILED", 125)
    assert ended["outputs"] == {"return_code": 3, "stdout": "before\n", "stderr": "why\n"}
    assert ended["error"]["message"] == "bash ended with 3: why"
    killed = stage(await ran(runner, "kill -TERM $$"))
    assert (killed["code"], killed["outputs"]["return_code"]) == (126, -15)
    assert killed["error"]["message"] == "bash was killed by SIGTERM"


async def test_pipes_loops_functions_files_and_tools_work(runner: Runner) -> None:
    script = """
    set -euo pipefail
    greet() { echo "hello $1"; }
    for name in ada bob; do greet "$name"; done | tr a-z A-Z > "$TMPDIR/all.txt"
    sort -r all.txt | awk '{print $2}' | paste -sd, -
    cat <<< "$(( 6 * 7 ))"
    [[ -f all.txt ]] && mktemp -d > /dev/null && ls *.txt
    """
    assert stage(await ran(runner, script))["outputs"]["stdout"] == "BOB,ADA\n42\nall.txt\n"


async def test_each_script_has_a_folder_of_its_own(runner: Runner) -> None:
    stages = [{"id": "x", "bash": "echo secret > kept"}, {"id": "a", "bash": "ls -A; pwd"}]
    result = await runner.run({"name": "t", "stages": stages})
    assert stage(result)["outputs"]["stdout"] == ".stage.sh\n/scratch\n"


async def test_lines_are_told_while_the_script_runs(runner: Runner) -> None:
    seen = asyncio.Event()
    document = {"name": "t", "stages": [{"id": "a", "bash": "echo first; sleep 600"}]}
    handle = runner.start(document, on_log=lambda line: seen.set())
    await asyncio.wait_for(seen.wait(), 60)
    handle.cancel()
    assert (await handle.result()).status == "CANCEL"


async def test_what_the_script_leaves_running_ends_with_it(runner: Runner) -> None:
    begun = time.monotonic()
    result = await ran(runner, "sleep 300 & echo done")
    assert stage(result)["outputs"]["stdout"] == "done\n"
    assert time.monotonic() - begun < 60


async def test_a_timeout_ends_the_script(runner: Runner) -> None:
    assert stage(await ran(runner, "sleep 60", timeout="300ms"))["code"] == 121


async def test_too_much_output_ends_the_script(policy: Policy) -> None:
    limits = policy.stage.model_copy(update={"output_kib": 8})
    narrow = policy.model_copy(update={"stage": limits})
    async with Runner(policy=narrow) as runner:
        ended = stage(await ran(runner, "yes"))
    assert ended["code"] == 124


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"A-B": "x"}, "cannot be the name of a variable"),
        ({"LD_PRELOAD": "x"}, "cannot be the name of a variable"),
        ({"BASH_FUNC_ls%%": "x"}, "cannot be the name of a variable"),
    ],
)
async def test_a_variable_that_cannot_be_one_is_refused(
    runner: Runner, env: dict[str, str], words: str
) -> None:
    document = {
        "name": "t",
        "params": {"env": "map"},
        "stages": [{"id": "a", "bash": "true", "env": "${{ params.env }}"}],
    }
    ended = stage(await runner.run(document, params={"env": env}))
    assert ended["code"] == 103
    assert words in ended["error"]["message"]


async def test_a_nul_character_cannot_reach_a_variable(runner: Runner) -> None:
    stages = [
        {"id": "b", "run": "result = chr(0)"},
        {"id": "a", "bash": "true", "env": {"A": "${{ stages.b.outputs.result }}"}},
    ]
    ended = stage(await runner.run({"name": "t", "stages": stages}))
    assert ended["code"] == 103
    assert "NUL" in ended["error"]["message"]


def test_a_script_is_never_a_template() -> None:
    given = {"name": "t", "params": {"x": "string"}, "stages": [{"bash": "echo ${{ params.x }}"}]}
    (problem,) = validate(given).problems
    assert problem.pointer == "/stages/0/bash"
    assert "env: {x: ${{ params.x }}}" in str(problem.hint)


async def test_nothing_of_one_script_is_left_for_the_next(runner: Runner) -> None:
    first = """
    mkdir -p "$HOME/deep/er"; echo secret > "$HOME/deep/er/x"; echo secret > "$HOME/.hidden"; ln -s /etc "$HOME/link"
    (while true; do echo alive > "$HOME/alive"; sleep 0.01; done) & disown
    setsid sleep 100 & disown
    export LEFT=1; cd /; umask 077
    """
    flat = "echo a > a; mkdir d; echo b > d/b; ln -s /etc l"
    look = 'sleep 0.05; ls -A "$HOME"; pwd; echo "[${LEFT:-}]"; umask; jobs; kill -0 -- -1 2>/dev/null || echo alone'
    document: dict[str, Any] = {
        "name": "t",
        "stages": [
            {"id": "before", "bash": look},
            *[{"bash": script} for script in (flat, flat, first)],
            {"id": "after", "bash": look},
        ],
    }
    result = await runner.run(document)
    stages = result.as_dict()["jobs"]["main"]["stages"]
    assert stages["after"]["outputs"] == stages["before"]["outputs"]
    assert stages["after"]["outputs"]["stdout"].split() == [
        ".stage.sh",
        "/scratch",
        "[]",
        "0022",
        "alone",
    ]


async def test_more_files_than_are_removed_one_by_one_go_with_their_guest(runner: Runner) -> None:
    document: dict[str, Any] = {
        "name": "t",
        "stages": [
            {"bash": "for i in $(seq 1000); do : > f$i; done"},
            {"id": "a", "bash": "ls -A | wc -l"},
        ],
    }
    result = await runner.run(document)
    assert stage(result)["outputs"]["stdout"] == "1\n"


async def test_a_long_row_of_scripts_outlives_its_guests(runner: Runner) -> None:
    stages = [{"bash": "true"}] * 205
    result = await runner.run({"name": "t", "stages": [*stages, {"id": "a", "bash": "echo here"}]})
    assert stage(result)["outputs"]["stdout"] == "here\n"


async def test_the_seconds_of_processes_that_are_left_are_counted(policy: Policy) -> None:
    little = policy.run.model_copy(update={"cpu_seconds": 0.3})
    narrow = policy.model_copy(update={"run": little})
    burn = 'perl -e \'while (1) { open my $spent, ">", "spent" if (times)[0] + (times)[1] > 0.5 }\''
    script = f"{burn} & until [[ -e spent ]]; do sleep 0.02; done"
    stages = [{"bash": script}, {"id": "a", "bash": "true"}]
    async with Runner(policy=narrow) as runner:
        result = await runner.run({"name": "t", "stages": stages})
    assert (stage(result)["status"], stage(result)["code"]) == ("FAILED", 123)
