"""``blockyard test``: the tests that stand in a workflow, run here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from blockyard_platform.cli.exits import Exit, exit_of
from blockyard_platform.cli.inputs import (
    build_catalog,
    folder_of,
    read_bytes,
    read_policy,
    read_secrets,
)
from blockyard_platform.cli.options import CATALOG, JSON, POLICY, SECRETS, WORKFLOWS, options
from blockyard_platform.cli.report import note, print_json, print_problems, printable
from blockyard_platform.loops import complete
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from blockyard_platform.rehearsal import Outcome


@click.command("test")
@click.argument("file")
@click.option("--only", metavar="NAME", multiple=True, help="Run the test of this name alone.")
@options(POLICY, SECRETS, CATALOG, WORKFLOWS, JSON)
def command(
    file: str,
    only: tuple[str, ...],
    policy: str | None,
    secrets: str | None,
    catalog: tuple[str, ...],
    workflows: str | None,
    as_json: bool,
) -> int:
    """Run the tests of the workflow in FILE: each with its params and mocks, against what it expects."""
    try:
        outcomes = complete(_run(file, only, policy, secrets, catalog, workflows))
    except InvalidDocumentError as error:
        print_problems(file, error.problems)
        if as_json:
            listed = [problem.as_dict() for problem in error.problems]
            print_json({"passed": False, "tests": [], "problems": listed})
        return exit_of(error.problems)
    passed = all(outcome.passed for outcome in outcomes)
    good = sum(outcome.passed for outcome in outcomes)
    note(f"{good} of {len(outcomes)} tests passed.")
    if as_json:
        rows = [_row(outcome) for outcome in outcomes]
        print_json({"passed": passed, "tests": rows, "problems": []})
    return Exit.SUCCESS if passed else Exit.FAILED


async def _run(
    file: str,
    only: tuple[str, ...],
    policy: str | None,
    secrets: str | None,
    folders: tuple[str, ...],
    workflows: str | None,
) -> list[Outcome]:
    from blockyard_platform.loading import load_document
    from blockyard_platform.rehearsal import run_tests
    from blockyard_platform.runner import Runner

    async with Runner(
        policy=read_policy(policy),
        catalog=build_catalog(folders),
        workflows=folder_of(file, workflows),
        secrets=read_secrets(secrets),
    ) as runner:
        source = load_document(read_bytes(file), runner.policy.document_kib * 1024)
        admission = runner.admit(source)
        if not admission.valid:
            raise InvalidDocumentError(admission.problems)
        _check_names(source.data, only)
        return [_told(outcome) async for outcome in run_tests(runner, source.data, only)]


def _check_names(document: dict[str, Any], only: tuple[str, ...]) -> None:
    known = [test["name"] for test in document.get("tests", ())]
    if not known:
        hint = "write tests: [{name: ..., params: {...}, expect: {outputs: {...}}}]"
        raise _invalid("the document has no tests", hint)
    for name in only:
        if name not in known:
            raise _invalid(f"there is no test '{name[:60]}'", f"tests: {', '.join(known)[:400]}")


def _invalid(message: str, hint: str) -> InvalidDocumentError:
    return InvalidDocumentError([Problem("tests", "/tests", message, hint)])


def _told(outcome: Outcome) -> Outcome:
    note(f"{'ok    ' if outcome.passed else 'FAILED'} {printable(outcome.name)}")
    for difference in outcome.differences:
        note(f"       {printable(difference)}")
    return outcome


def _row(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.name,
        "passed": outcome.passed,
        "differences": list(outcome.differences),
        "run": outcome.result.as_dict(),
    }
