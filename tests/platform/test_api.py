"""The library as a host uses it: one line, a coroutine, or a runner for many runs."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import blockyard_platform
from blockyard_platform import Runner, arun, run, validate
from blockyard_platform.glance import needs_guest
from blockyard_platform.loading import DOCUMENT_BYTES
from blockyard_sandbox.sandbox import Sandbox
from blockyard_sandbox.spec import JailSpec
from blockyard_schemas.policy import personal_policy
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.reader import read

TEXT = """\
name: greet
params: {who: {type: string, default: you}}
stages:
  - {id: say, echo: "hello ${{ params.who }}"}
outputs: {who: "${{ params.who }}"}
"""
DATA: dict[str, Any] = read(TEXT).data
NONE: list[Any] = []


def test_a_workflow_runs_from_a_path_a_text_bytes_or_data(tmp_path: Path) -> None:
    path = tmp_path / "greet.yaml"
    path.write_text(TEXT)
    as_json = tmp_path / "greet.json"
    as_json.write_text(json.dumps(DATA))
    for document in (path, str(path), TEXT, TEXT.encode(), DATA, as_json, read(TEXT)):
        result = run(document, params={"who": "Ada"})
        assert (result.workflow, result.status, result.outputs) == (
            "greet",
            "SUCCESS",
            {"who": "Ada"},
        )
        assert [line.text for line in result.logs] == ["hello Ada"]


def test_texts_of_a_command_line_are_read_by_type() -> None:
    document = {**DATA, "params": {"who": "int"}}
    assert run(document, texts={"who": "3"}).outputs == {"who": 3}


def test_a_file_that_is_not_there_is_an_error_of_the_caller() -> None:
    with pytest.raises(FileNotFoundError):
        run("no-such-file.yaml")


def test_a_document_that_is_not_admitted_gives_a_result_with_its_problems() -> None:
    result = run("name: t\nstages: [{ecko: x}]\n")
    assert (result.run_id, result.status, result.jobs) == (None, "FAILED", {})
    assert result.problems[0].line == 2
    assert result.as_dict()["problems"][0]["hint"] == "did you mean 'echo'?"
    assert validate("name: t\nstages: [{ecko: x}]\n").problems == result.problems


def test_a_text_that_is_no_document_gives_problems_too() -> None:
    result = run("name: [t\n")
    assert result.problems != ()
    assert result.run_id is None


@pytest.mark.parametrize("form", [dict, json.dumps])
def test_a_policy_may_be_data_or_text(form: Callable[[Any], Any]) -> None:
    policy = {"name": "tight", "stages": ["call"]}
    result = run(DATA, policy=form(policy) if form is dict else form(policy) + "\n")
    assert [problem.rule for problem in result.problems] == ["FORBIDDEN_STAGE"]


def test_a_policy_may_be_a_file_and_one_that_is_not_valid_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("name: tight\nstages: [call]\n")
    assert run(DATA, policy=path).problems[0].rule == "FORBIDDEN_STAGE"
    path.write_text("name: tight\nstagez: [call]\n")
    with pytest.raises(InvalidDocumentError):
        run(DATA, policy=path)


def test_what_is_known_without_reading_the_personal_policy_is_what_it_says() -> None:
    policy = personal_policy()
    assert (policy.document_kib * 1024, policy.isolation) == (DOCUMENT_BYTES, "full")


async def test_a_document_beyond_the_bound_is_refused_by_the_policy_in_every_form() -> None:
    document = {"name": "t", "desc": "x" * 3000, "stages": list[Any]()}
    policy = personal_policy().model_copy(update={"document_kib": 2})
    async with Runner(policy=policy) as runner:
        for form in (document, json.dumps(document), json.dumps(document).encode()):
            result = await runner.run(form)
            assert [problem.rule for problem in result.problems] == ["policy-limit"]


async def test_a_sandbox_that_is_given_is_used_and_left_open() -> None:
    stages = [{"id": "s", "run": "result = 2"}]
    async with Sandbox(JailSpec()) as sandbox:
        for _ in range(2):
            result = await arun({"name": "t", "stages": stages}, sandbox=sandbox)
            assert result.jobs["main"].stages["s"].outputs == {"result": 2}
        guest = await sandbox.guest()
        assert (await guest.call("ping", {})).value == "pong"
        await guest.close()


async def test_a_sandbox_that_cannot_be_had_ends_the_run_and_nothing_catches_that() -> None:
    broken = Sandbox(JailSpec(extensions={"block": ("no.such.module:make", {})}))
    stages: list[Any] = [
        {
            "id": "a",
            "continue-on-error": True,
            "retry": 2,
            "try": [{"id": "p", "run": "x = 1"}],
            "catch": [{"echo": "caught"}],
        },
        {"id": "b", "always": True},
    ]
    result = await arun({"name": "t", "stages": stages}, sandbox=broken)
    await broken.close()
    found = {
        name: (it.status, it.code, it.attempts) for name, it in result.jobs["main"].stages.items()
    }
    assert found == {"a": ("FAILED", 134, 1), "b": ("SKIP", 100, 0)}
    assert (result.status, result.logs) == ("FAILED", ())


async def test_a_guest_that_is_needed_for_outputs_alone_is_started() -> None:
    document = {"name": "t", "stages": list[Any](), "outputs": {"n": "${{ 1 + 1 }}"}}
    assert (await arun(document)).outputs == {"n": 2}


@pytest.mark.parametrize(
    ("stages", "needed"),
    [
        ([{"echo": "run: uses: ${{ params.x }}"}], False),
        ([{"echo": "$${{ 1 + 1 }}"}], False),
        ([{"echo": "${{ 1 + 1 }}"}], True),
        ([{"foreach": [1], "stages": [{"run": "x = 1"}]}], True),
        ([{"try": [{"uses": "text.upper", "with": {"text": "a"}}]}], True),
        ([{"until": "${{ loop > 3 }}", "stages": NONE}], True),
        ([{"case": 1, "match": [{"case": "${{ case > 3 }}", "stages": NONE}]}], True),
        ([{"parallel": {"a": [{"if": "${{ not params.x }}"}]}}], True),
    ],
)
def test_the_first_glance_and_the_plan_agree_on_the_need_of_a_guest(
    stages: list[Any], needed: bool
) -> None:
    document = {"name": "t", "params": {"x": {"default": 1}}, "stages": stages}
    admission = validate(document)
    assert admission.plan is not None
    assert admission.plan.needs_guest == needed
    assert needs_guest(document) == needed


async def test_a_run_can_be_watched_and_cancelled_by_its_handle() -> None:
    async with Runner() as runner:
        begun = asyncio.Event()
        handle = runner.start(
            {"name": "t", "stages": [{"sleep": 60}]}, on_event=lambda _run, _event: begun.set()
        )
        await begun.wait()
        handle.cancel()
        handle.cancel()
        result = await handle.result()
        assert (result.status, result.run_id) == ("CANCEL", handle.run_id)
        assert (await handle.result()) is result


async def test_runs_of_one_runner_go_on_side_by_side() -> None:
    async with Runner() as runner:
        document = {"name": "t", "stages": [{"sleep": 0.2}]}
        results = await asyncio.gather(*(runner.run(document) for _ in range(50)))
    assert {result.status for result in results} == {"SUCCESS"}
    assert len({result.run_id for result in results}) == 50


def test_the_public_names_are_there_and_importing_the_package_imports_little() -> None:
    for name in blockyard_platform.__all__:
        assert getattr(blockyard_platform, name).__name__ == name
    assert dir(blockyard_platform) == sorted(blockyard_platform.__all__)
    code = "import blockyard_platform, sys; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {
        "asyncio",
        "pydantic",
        "yaml",
        "jsonschema",
        "jsonschema_rs",
        "RestrictedPython",
        "rich",
    }
    assert heavy.isdisjoint(modules)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = blockyard_platform.nothing
