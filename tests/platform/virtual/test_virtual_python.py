"""Virtual-python stages: full Python in the jail, with packages, variables as data, and a result."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from local_index import LocalIndex
from virtual_stages import only, policy_of

from blockyard_platform import LogLine, Runner
from blockyard_platform.results import StageRecord
from blockyard_schemas.statuses import Code, Status

Script = Callable[..., Awaitable[StageRecord]]


async def test_a_script_has_its_packages_and_their_own(script: Script) -> None:
    record = await script("import shouting\nresult = shouting.loud", "shouting")
    assert (record.status, record.code) == (Status.SUCCESS, Code.DONE)
    assert record.kind == "virtual-python"
    assert record.outputs == {"return_code": 0, "stdout": "", "stderr": "", "result": "HELLO YOU"}


async def test_variables_are_names_and_data_and_never_source(script: Script) -> None:
    given = {
        "n": 41,
        "quoted": "'; import os; os._exit(9) #",
        "expression": "${{ params.x }}",
        "no name": [1, {"two": None}],
        "__builtins__": "gone",
        "result_of": 1.5,
    }
    code = (
        "result = [n + 1, quoted, vars['no name'], result_of, len(vars), __builtins__ is not None]"
    )
    record = await script(code, vars={key: it for key, it in given.items() if key != "expression"})
    assert record.outputs["result"] == [42, given["quoted"], [1, {"two": None}], 1.5, 5, True]


async def test_a_result_may_be_written_to_its_file(script: Script) -> None:
    code = "import json, os\njson.dump({'a': [1, 2]}, open(os.environ['BLOCKYARD_RESULT'], 'w'))\nresult = 5"
    assert (await script(code)).outputs["result"] == {"a": [1, 2]}


async def test_without_a_result_there_is_none(script: Script) -> None:
    record = await script("import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(0)")
    assert record.outputs == {"return_code": 0, "stdout": "out\n", "stderr": "err\n"}


@pytest.mark.parametrize(
    ("code", "failure", "words"),
    [
        (
            "1 / 0",
            Code.EXIT_NONZERO,
            "the script ended with 1: ZeroDivisionError: division by zero",
        ),
        ("import sys; sys.exit(7)", Code.EXIT_NONZERO, "the script ended with 7"),
        ("import os; os.kill(os.getpid(), 9)", Code.KILLED_BY_SIGNAL, "was killed by SIGKILL"),
        ("import os; os.abort()", Code.KILLED_BY_SIGNAL, "was killed by SIGABRT"),
        ("result = object()", Code.EXIT_NONZERO, "result is not plain data"),
        ("result = float('nan')", Code.EXIT_NONZERO, "result is not plain data"),
        ("def f(:", Code.EXIT_NONZERO, "SyntaxError"),
        ("import nothing_like_it", Code.EXIT_NONZERO, "No module named 'nothing_like_it'"),
        ("while True: pass", Code.CPU_LIMIT, "CPU seconds"),
        ("import time; time.sleep(600)", Code.TIMEOUT, "longer than"),
        ("print('x' * 3_000_000)", Code.OUTPUT_LIMIT, "printed"),
        ("result = 'x' * 3_000_000", Code.RESULT_LIMIT, "result"),
        ("x = bytearray(3 << 30)", Code.EXIT_NONZERO, "MemoryError"),
        ("open('big', 'wb').write(bytes(80 << 20))", Code.EXIT_NONZERO, "OSError"),
    ],
)
async def test_what_fails_says_why(index: LocalIndex, code: str, failure: Code, words: str) -> None:
    little = {Code.CPU_LIMIT: {"cpu_seconds": 1}, Code.TIMEOUT: {"wall_seconds": 4}}
    limits = {"cpu_seconds": 20, "wall_seconds": 120, "processes": 8} | little.get(failure, {})
    policy = policy_of(index, stage=limits)
    async with Runner(policy=policy) as runner:
        stage: dict[str, Any] = {"id": "a", "run": code, "deps": []}
        record = only(await runner.run({"name": "t", "stages": [stage]}))
    assert record.code is failure, record
    assert record.error is not None
    assert words in record.error["message"]


async def test_a_traceback_shows_the_scripts_own_lines(script: Script) -> None:
    record = await script("def f():\n    raise ValueError('no')\nf()")
    assert record.outputs["stderr"] == (
        "Traceback (most recent call last):\n"
        '  File "/scratch/script.py", line 3, in <module>\n    f()\n'
        '  File "/scratch/script.py", line 2, in f\n'
        "    raise ValueError('no')\nValueError: no\n"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("'{'", "is not JSON"),
        ("""'{"a": 1, "a": 2}'""", "a key stands twice"),
        ("'NaN'", "NaN is no number"),
        ("'[' * 100_000", "nested too deep"),
        ("'[' * 100 + ']' * 100", "nested"),
        ("'9' * 5_000", "4300 digits"),
        ("'x' * 2_000_000", "more than 1048576 bytes"),
        ("chr(0xd800).encode('utf-8', 'surrogatepass').decode('latin-1')", "is not JSON"),
    ],
)
async def test_a_result_file_is_read_as_hostile(script: Script, text: str, words: str) -> None:
    record = await script(f"import os\nopen(os.environ['BLOCKYARD_RESULT'], 'w').write({text})")
    assert record.status is Status.FAILED
    assert record.error is not None
    assert words in record.error["message"]


async def test_a_result_file_that_is_a_link_or_a_pipe_is_not_read(script: Script) -> None:
    for code in (
        "import os; os.symlink('/scratch/script.py', os.environ['BLOCKYARD_RESULT'])",
        "import os; os.mkdir(os.environ['BLOCKYARD_RESULT'])",
    ):
        record = await script(code)
        assert record.code is Code.INVALID_TYPE
        assert record.error is not None
        assert "result file" in record.error["message"]


async def test_threads_and_processes_work_within_the_limit(script: Script) -> None:
    threads = "from concurrent.futures import ThreadPoolExecutor as P\nwith P(4) as p: result = sum(p.map(abs, range(-9, 0)))"
    assert (await script(threads)).outputs["result"] == 45
    code = "import multiprocessing as m\nwith m.Pool(2) as p: result = p.map(abs, [-1, -2])"
    assert (await script(code)).outputs["result"] == [1, 2]
    bomb = "import subprocess\nx = [subprocess.Popen(['sleep', '9']) for _ in range(99)]"
    record = await script(bomb)
    assert record.code is Code.EXIT_NONZERO
    assert record.error is not None
    assert "BlockingIOError" in record.error["message"]


async def test_lines_come_while_the_script_runs(runner: Runner) -> None:
    seen: asyncio.Queue[str] = asyncio.Queue()

    def on_log(line: LogLine) -> None:
        seen.put_nowait(line.text)

    code = "import time\nfor n in range(2):\n    print(n, flush=True)\ntime.sleep(600)"
    stage: dict[str, Any] = {"id": "a", "run": code, "deps": []}
    handle = runner.start({"name": "t", "stages": [stage]}, on_log=on_log)
    assert [await asyncio.wait_for(seen.get(), 60) for _ in range(2)] == ["0", "1"]
    handle.cancel()
    assert (await handle.result()).status is Status.CANCEL


async def test_stages_of_a_run_share_nothing_but_their_environment(runner: Runner) -> None:
    stages: list[dict[str, Any]] = [
        {
            "id": "a",
            "deps": ["greeting"],
            "run": "open('left', 'w').write('x'); import greeting; greeting.greet = 5",
        },
        {
            "id": "b",
            "deps": ["greeting"],
            "run": "import os, greeting\nresult = [os.listdir('/scratch'), greeting.greet('b')]",
        },
    ]
    result = await runner.run({"name": "t", "stages": stages})
    found = result.jobs["main"].stages["b"]
    assert found.outputs["result"] == [["script.py"], "hello b"]


async def test_scripts_in_a_loop(runner: Runner) -> None:
    inner: dict[str, Any] = {
        "id": "square",
        "deps": [],
        "run": "result = n * n",
        "vars": {"n": "${{ item }}"},
    }
    loop: dict[str, Any] = {"id": "each", "foreach": [1, 2, 3], "concurrent": 3, "stages": [inner]}
    result = await runner.run({"name": "t", "stages": [loop]})
    each = result.jobs["main"].stages["each"].outputs["foreach"]
    found = [each[n]["stages"]["square"]["outputs"]["result"] for n in ("1", "2", "3")]
    assert found == [1, 4, 9]
