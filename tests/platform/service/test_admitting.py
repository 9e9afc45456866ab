"""Admission for tenants: the policy in force, stored workflows, kill switches, and what is kept."""

import pytest

from blockyard_platform.admission import Admission
from blockyard_platform.host_blocks import platform_catalog
from blockyard_platform.service.admitting import Admitting
from blockyard_platform.service.judging import admit_under
from blockyard_platform.service.recent import Recent
from blockyard_platform.service.registry import policies, switches, tenants, tokens, workflows
from blockyard_platform.service.registry.callers import Action, Caller, Role
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import (
    ConflictError,
    DisabledError,
    ForbiddenError,
    NotFoundError,
)
from blockyard_platform.service.registry.switches import SwitchKind
from blockyard_platform.service.uses import Uses, uses_of
from blockyard_platform.workflows import Given
from blockyard_schemas.policy import load_policy

from .registry.conftest import (
    ADMIN,
    DOCUMENT,
    by,
    clock,
    database,
    filled_file,
    filled_server,
    place,
    postgres,
)

__all__ = ["clock", "database", "filled_file", "filled_server", "place", "postgres"]

WIDE = """
tags: "*"
stages: [empty, call, python, virtual-python, docker, trigger, foreach, try]
images: [{name: alpine, tags: ["*"]}, {name: registry.example/team/*, tags: ["*"]}]
packages: [{name: "*", extras: "*"}]
"""

EVERYTHING = """
name: everything
params: {tag: {type: string, default: x}, text: {type: string, default: " a "}}
stages:
  - uses: text/join@v1
    with: {items: [a], separator: "-"}
  - foreach: [1, 2]
    stages:
      - image: alpine
        tag: "3.20"
        command: ["true"]
        env: {X: "${{ params.tag }}"}
      - try:
          - image: registry.example/team/tool:${{ params.tag }}
            command: ["true"]
  - run: pass
    deps: ["Requests[socks] >=2", "more-itertools"]
  - echo: ${{ params.text | text.strip }}
  - trigger: report
"""


def named(text: str, **more: str) -> Uses:
    checked = admit_under(
        load_policy(WIDE), platform_catalog(), text.encode(), Given({"report": DOCUMENT, **more})
    )
    plan = checked.admission.plan
    assert plan is not None
    assert checked.admission.problems == ()
    assert checked.uses == uses_of(plan)
    return checked.uses


@pytest.fixture
def admitting(database: Database) -> Admitting:
    with database.writing() as work:
        policies.put(work, ADMIN, "ant", WIDE)
    return Admitting(database, platform_catalog())


def test_what_a_plan_uses_is_found_at_every_depth() -> None:
    uses = named(EVERYTHING)
    assert uses.named == {
        (SwitchKind.WORKFLOW, "everything"),
        (SwitchKind.WORKFLOW, "report"),
        (SwitchKind.BLOCK, "text.join"),
        (SwitchKind.BLOCK, "text.strip"),
        (SwitchKind.IMAGE, "docker.io/library/alpine:3.20"),
        (SwitchKind.PACKAGE, "Requests"),
        (SwitchKind.PACKAGE, "more-itertools"),
    }
    assert uses.open == {SwitchKind.IMAGE, SwitchKind.PACKAGE}


def test_what_a_triggered_workflow_uses_counts() -> None:
    inner = "name: other name\nstages:\n  - uses: text.upper\n    with: {text: a}\n"
    outer = "name: outer\nstages:\n  - trigger: middle\n"
    uses = named(outer, middle="name: middle\nstages:\n  - trigger: inner\n", inner=inner)
    assert uses == Uses(
        frozenset(
            {
                (SwitchKind.WORKFLOW, "outer"),
                (SwitchKind.WORKFLOW, "middle"),
                (SwitchKind.WORKFLOW, "inner"),
                (SwitchKind.WORKFLOW, "other name"),
                (SwitchKind.BLOCK, "text.upper"),
            }
        )
    )


def test_an_image_with_an_unknown_tag_is_open() -> None:
    text = "name: a\nstages:\n  - image: alpine\n    tag: ${{ 1 + 1 }}\n    command: ['true']\n"
    assert named(text).open == {SwitchKind.IMAGE}
    assert named(text).named == {(SwitchKind.WORKFLOW, "a")}


def test_the_policy_in_force_decides(admitting: Admitting, database: Database) -> None:
    viewer = by("viewer", "ant")
    text = "name: a\nstages:\n  - run: x = 1\n"
    first = admitting.admit(viewer, "ant", text)
    assert first.valid
    assert first.plan is not None
    assert first.rules.version == 2
    assert admitting.admit(viewer, "ant", text).plan is first.plan
    with database.writing() as work:
        policies.pin(work, ADMIN, "ant", 1)
    pinned = admitting.admit(viewer, "ant", text)
    assert (pinned.rules.version, pinned.plan) == (1, None)
    assert [it.rule for it in pinned.problems] == ["FORBIDDEN_STAGE"]
    assert pinned.problems[0].line == 3
    assert admitting.admit(by("viewer", "bee"), "bee", text).problems == pinned.problems


def test_stored_workflows_are_triggered_in_their_newest_version(
    admitting: Admitting, database: Database
) -> None:
    text = "name: a\nstages:\n  - trigger: report\n"
    author = by("author", "ant")
    first = admitting.admit(author, "ant", text)
    assert first.plan is not None
    assert list(first.plan.children) == ["report"]
    with database.writing() as work:
        workflows.put(work, author, "ant", "report", "name: report\nstages:\n  - ecco: x\n")
    second = admitting.admit(author, "ant", text)
    assert second.plan is None
    assert "'report' is not admitted" in second.problems[0].message
    unknown = admitting.admit(author, "ant", text.replace("report", "reprot")).problems[0]
    assert (unknown.rule, unknown.hint) == ("unknown-workflow", "did you mean 'report'?")


@pytest.mark.parametrize("name", ["../report", "x.yaml", "/etc/passwd.json"])
def test_no_file_of_the_platform_is_read(name: str, admitting: Admitting) -> None:
    """A text that looks like a path is a document that is not well formed, and not a path."""
    found = admitting.admit(by("viewer", "ant"), "ant", name)
    assert found.plan is None
    assert "type" in {it.rule for it in found.problems}
    assert admitting.workflows("ant").find(name, 1000) is None


@pytest.mark.parametrize("text", ["", "\x00", "{", "name: \ud800", b"\xff\xfe\x00", "[" * 1000])
def test_what_cannot_be_read_is_a_problem(text: str | bytes, admitting: Admitting) -> None:
    found = admitting.admit(by("viewer", "ant"), "ant", text)
    assert found.plan is None
    assert found.problems
    assert not found.valid


SWITCHES = {
    (SwitchKind.WORKFLOW, "everything"): "the workflow 'everything'",
    (SwitchKind.WORKFLOW, "report"): "the workflow 'report'",
    (SwitchKind.BLOCK, "text.*"): "the block 'text.*'",
    (SwitchKind.BLOCK, "text.strip"): "the block 'text.strip'",
    (SwitchKind.IMAGE, "alpine"): "the image 'docker.io/library/alpine'",
    (SwitchKind.PACKAGE, "requests"): "the package 'requests'",
}


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("tenant", ["ant", None])
def test_a_switch_stops_what_a_plan_uses(
    switch: tuple[SwitchKind, str], tenant: str | None, admitting: Admitting, database: Database
) -> None:
    viewer = by("viewer", "ant")
    assert admitting.admit(viewer, "ant", EVERYTHING).valid
    with database.writing() as work:
        switches.stop(work, ADMIN, *switch, "it leaks", tenant=tenant)
    found = admitting.admit(viewer, "ant", EVERYTHING)
    assert found.plan is None
    assert [it.as_dict() for it in found.problems] == [
        {
            "rule": "stopped",
            "pointer": "",
            "line": None,
            "column": None,
            "message": f"{SWITCHES[switch]} is stopped: it leaks",
            "hint": "ask the platform's admins",
        }
    ]
    assert [it.kind for it in found.stopped] == [switch[0]]
    assert admitting.admit(viewer, "ant", EVERYTHING, stops=False).plan is not None
    assert admitting.admit(by("viewer", "bee"), "bee", "name: b\nstages: [echo: a]").valid


def test_the_name_under_which_a_workflow_is_stored_is_stopped_too(
    admitting: Admitting, database: Database
) -> None:
    author = by("author", "ant")
    with database.writing() as work:
        workflows.put(work, author, "ant", "nightly", DOCUMENT)
    stored, found = admitting.admit_stored(author, "ant", "nightly")
    assert (stored.name, stored.version, found.valid) == ("nightly", 1, True)
    with database.writing() as work:
        switches.stop(work, by("operator", "ant"), SwitchKind.WORKFLOW, "nightly", "x")
    assert not admitting.admit_stored(author, "ant", "nightly")[1].valid
    assert admitting.admit_stored(author, "ant", "report", 1)[1].valid
    with pytest.raises(NotFoundError):
        admitting.admit_stored(author, "ant", "nightly", 2)


def test_who_may_not_is_refused_before_anything_is_read(
    admitting: Admitting, database: Database
) -> None:
    with pytest.raises(ForbiddenError):
        admitting.admit_stored(by("viewer", "ant"), "ant", "report")
    with pytest.raises(ForbiddenError):
        admitting.rules(by("viewer", "ant", "runs:read"), "ant")
    with pytest.raises(NotFoundError):
        admitting.admit(by("admin", "ant"), "bee", DOCUMENT)
    runs = by("operator", "ant", "runs:submit")
    assert admitting.admit(runs, "ant", DOCUMENT, Action.RUNS_SUBMIT).valid
    with database.writing() as work:
        tenants.disable(work, ADMIN, "ant", "mines coins")
    with pytest.raises(DisabledError):
        admitting.admit(runs, "ant", DOCUMENT, Action.RUNS_SUBMIT)
    told = admitting.admit(by("viewer", "ant"), "ant", DOCUMENT).problems
    assert [it.message for it in told] == ["the tenant 'ant' is stopped: mines coins"]


def test_a_tenant_without_a_policy_runs_nothing(database: Database, admitting: Admitting) -> None:
    with database.writing() as work:
        tenants.create(work, ADMIN, "cat")
    with pytest.raises(ConflictError, match="has no policy yet"):
        admitting.admit(Caller.service("cat"), "cat", DOCUMENT)


def test_the_schema_is_that_of_the_policy_and_the_catalog(
    admitting: Admitting, database: Database
) -> None:
    rules = admitting.rules(by("viewer", "ant"), "ant")
    first = admitting.schema(rules)
    assert b'"text.join"' in first.data
    assert len(first.digest) == 64
    assert admitting.schema(rules) is first
    other = admitting.schema(admitting.rules(by("viewer", "bee"), "bee"))
    assert b'"text.join"' not in other.data
    assert other.digest != first.digest
    with database.writing() as work:
        token = tokens.issue(work, ADMIN, "ant", Role.VIEWER)
    assert token.text.encode() not in first.data


def test_what_was_not_used_for_longest_is_forgotten() -> None:
    made: list[int] = []

    def make(number: int) -> Admission:
        def made_now() -> Admission:
            made.append(number)
            return Admission(None)

        return recent.get(number, made_now)

    recent: Recent[Admission] = Recent(2)
    for number in (1, 2, 1, 3, 1, 2):
        make(number)
    assert made == [1, 2, 3, 2]
    assert len(recent) == 2
    assert recent.peek(3) is None
