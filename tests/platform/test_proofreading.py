"""``Runner.check`` and ``blockyard validate``: Python is compiled by a guest, and not run."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from blockyard_platform import Runner
from blockyard_platform.admission import Admission
from blockyard_platform.cli.app import invoke
from blockyard_platform.engine.premises import Premises
from blockyard_sandbox.errors import SandboxUnavailableError
from blockyard_schemas.policy import load_policy

COMMAND = str(Path(sys.executable).parent / "blockyard")
WRONG = """\
name: wrong
stages:
  - {id: cut, if: "${{ 1 + }}", echo: x}
  - {id: short, run: "x = ("}
  - id: long
    run: |
      total = 1
      import os

      total._hidden = 2
  - id: folded
    run: >
      x = 1;
      y = = 2
  - id: deep
    foreach: [1]
    stages:
      - {id: inner, run: "x = _y", retry: {attempts: "${{ item ** }}"}}
outputs: {n: "${{ [stages.long.outputs.total for] }}"}
"""


def told(admission: Admission) -> list[tuple[str, str, int | None, int | None]]:
    return [(it.rule, it.pointer, it.line, it.column) for it in admission.problems]


async def test_each_finding_has_its_place_in_the_document(runner: Runner) -> None:
    admission = await runner.check(WRONG)
    assert not admission.valid
    assert told(admission) == [
        ("expression", "/stages/0/if", 3, 24),
        ("RESTRICTED_CODE", "/stages/1/run", 4, 23),
        ("RESTRICTED_CODE", "/stages/2/run", 8, 7),
        ("RESTRICTED_CODE", "/stages/2/run", 10, 7),
        ("RESTRICTED_CODE", "/stages/3/run", 12, 10),
        ("RESTRICTED_CODE", "/stages/4/stages/0/run", 18, 27),
        ("expression", "/stages/4/stages/0/retry/attempts", 18, 59),
        ("expression", "/outputs/n", 19, 19),
    ]
    messages = [it.message for it in admission.problems]
    assert messages[0] == "the expression '1 +': SyntaxError: invalid syntax"
    assert messages[1] == "line 1 of the code: SyntaxError: '(' was never closed"
    assert messages[2].startswith("line 2 of the code: there is no module 'os' in a stage")
    assert messages[3].startswith('line 4 of the code: "._hidden" is not available')


async def test_nothing_of_a_good_document_is_run(runner: Runner) -> None:
    document = {
        "name": "good",
        "stages": [
            {"id": "a", "run": "raise RuntimeError('it was run')"},
            {"id": "b", "echo": "${{ 1 / 0 }}"},
            {"id": "c", "run": "while True: pass"},
        ],
    }
    admission = await runner.check(document)
    assert (admission.valid, admission.problems) == (True, ())


async def test_other_problems_are_told_beside_and_no_text_is_told_of_twice(runner: Runner) -> None:
    document = {
        "name": "x",
        "stages": [
            {"id": "a", "run": "x = ${{ params.y }}"},
            {"id": "b", "vars": {"y": "${{ params.y }}"}, "run": "x = "},
        ],
    }
    assert [(it.rule, it.pointer) for it in (await runner.check(document)).problems] == [
        ("expression", "/stages/0/run"),
        ("unknown-name", "/stages/1/vars/y"),
        ("RESTRICTED_CODE", "/stages/1/run"),
    ]


async def test_a_document_that_cannot_be_read_is_a_problem_too(runner: Runner) -> None:
    assert [it.rule for it in (await runner.check("name: [")).problems] == ["yaml"]


async def test_no_guest_is_asked_for_where_there_is_no_python(runner: Runner) -> None:
    assert (await runner.check({"name": "x", "stages": [{"id": "a", "echo": "hi"}]})).valid
    assert not runner.sandbox_started


@pytest.mark.parametrize(
    "code",
    [
        "x = " + "(" * 20_000 + ")" * 20_000,
        "x = " + "-" * 50_000 + "1",
        "x = [" + "lambda:" * 3_000 + "1]",
        "x = " + "9" * 50_000,
        "if x:\n" + "".join(" " * depth + "if x:\n" for depth in range(1, 300)),
    ],
)
async def test_a_hostile_text_is_one_problem_and_the_next_is_read(
    runner: Runner, code: str
) -> None:
    stages = [{"id": "a", "run": code}, {"id": "b", "run": "y ="}]
    admission = await runner.check({"name": "hostile", "stages": stages})
    assert [(it.rule, it.pointer) for it in admission.problems] == [
        ("RESTRICTED_CODE", "/stages/0/run"),
        ("RESTRICTED_CODE", "/stages/1/run"),
    ]


async def test_seconds_of_the_compiler_count() -> None:
    """Many texts cannot take more than a run may."""
    policy = load_policy(
        "name: tight\nstages: [python]\ndocument_kib: 2048\nrun: {cpu_seconds: 1}\n"
    )
    code = "x = [" + "f(a.b.c)," * 6_500 + "]\n"
    stages = [{"id": f"s{number}", "run": f"{code}z = {number}"} for number in range(20)]
    async with Runner(policy=policy) as own:
        admission = await own.check({"name": "much", "stages": stages})
    assert [it.rule for it in admission.problems] == ["CPU_LIMIT"]


@pytest.fixture
def no_guest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no sandbox be had."""

    async def none(self: Premises) -> Any:
        raise SandboxUnavailableError("user namespace", "it cannot be had")

    def nothing(self: Premises) -> None:
        """Start nothing."""

    monkeypatch.setattr(Premises, "sandbox", none)
    monkeypatch.setattr(Premises, "warm", nothing)


@pytest.mark.usefixtures("no_guest")
async def test_without_a_guest_code_is_not_called_good() -> None:
    async with Runner() as runner:
        with pytest.raises(SandboxUnavailableError, match="user namespace"):
            await runner.check({"name": "x", "stages": [{"id": "a", "run": "x = ("}]})


@pytest.mark.usefixtures("no_guest")
def test_the_command_says_what_it_could_not_look_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.yaml").write_text("name: x\nstages: [{id: a, run: x = (}]\n")
    assert invoke(["validate", str(tmp_path / "x.yaml"), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"valid": True, "problems": []}
    assert "The Python in it was not compiled" in err
    assert "layer 'user namespace': it cannot be had" in err


def test_the_command_says_it_all_and_gives_2(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(WRONG)
    done = subprocess.run(
        [COMMAND, "validate", "wrong.yaml", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)
    assert (done.returncode, found["valid"], len(found["problems"])) == (2, False, 8)
    assert "wrong.yaml" not in done.stdout
