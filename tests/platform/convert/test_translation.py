"""Single texts of foreign documents, each with what it becomes and what is said of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_platform.api import validate
from blockyard_platform.convert import Converted, System, convert
from blockyard_platform.convert.names import renamed, slug
from blockyard_platform.convert.writing import to_yaml
from blockyard_platform.naming import Names
from blockyard_platform.plain import is_list
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.reader import from_data, read

STAGES: list[dict[str, Any]] = [
    {"id": "call", "uses": "tasks/run@x", "with": {}},
    {"id": "py", "run": "x = 1"},
    {"id": "sets", "run": "result = 1\nother = 2"},
    {"id": "child", "trigger": "other"},
    {"id": "both", "parallel": {"a-b": [{"id": "inner", "uses": "tasks/run@x"}]}},
    {"id": "block", "uses": "text.upper", "with": {"text": "a"}},
    {"id": "read-csv", "run": "rows = 1"},
]


def workflow(*stages: dict[str, Any], **more: Any) -> Converted:
    jobs: Any = {"job": {"stages": [*STAGES, *stages]}, "other job": {"stages": []}}
    params = {"name": "str", "n": "int", "day of run": "date"}
    data: Any = {"wf": {"type": "Workflow", "params": params, "jobs": jobs, **more}}
    return convert("ddeutil", from_data(data))


def last(found: Converted) -> dict[str, Any]:
    stage: dict[str, Any] = found.document["jobs"]["job"]["stages"][-1]
    return stage


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("${{ params.name }}", "${{ params.name }}"),
        ("${{params.name|upper}}", "${{ params.name | upper }}"),
        ("${{ stages.py.outputs.x }}", "${{ stages.py.outputs.x }}"),
        ("${{ stages.call.outputs.x.y }}", "${{ stages.call.outputs.result.x.y }}"),
        ("${{ stages.block.outputs.result }}", "${{ stages.block.outputs.result }}"),
        ("${{ stages.call.outputs }}", "${{ stages.call.outputs }}"),
        ("${{ stages.sets.outputs.result }}", "${{ stages.sets.outputs.result }}"),
        ("${{ stages.py.errors?.message }}", "${{ stages.py.error?.message }}"),
        ("${{ stages.child.outputs.total }}", "${{ stages.child.outputs.total }}"),
        (
            "${{ stages.both.outputs.parallel.a-b.stages.inner.outputs.y }}",
            "${{ stages.both.outputs.parallel.a-b.stages.inner.outputs.result.y }}",
        ),
        (
            "${{ stages.each.outputs.foreach.2024-01-31.stages.py.outputs.x }}",
            "${{ stages.each.outputs.foreach['2024-01-31'].stages.py.outputs.x }}",
        ),
        ("${{ jobs.job.stages.call.outputs.x }}", "${{ jobs.job.stages.call.outputs.result.x }}"),
        ("${{ jobs.job.errors.message }}", "${{ jobs.job.error.message }}"),
        ("${{ matrix.os }}-${{ item }}-${{ loop }}", "${{ matrix.os }}-${{ item }}-${{ loop }}"),
        ("${{ params.gone? | coalesce('x') }}", "${{ params.gone? | coalesce('x') }}"),
        ("${{ params.name == true }}", "${{ params.name == True }}"),
        ("${{ params.n && stages.read-csv.outputs.rows }}", None),
        ("a $${B} ${{ retry }}", "a ${B} ${{ retry }}"),
        ("${{ params.name", "$${{ params.name"),
    ],
)
def test_a_text_is_translated(theirs: str, ours: str | None) -> None:
    found = workflow({"name": "s", "echo": theirs})
    wanted = "${{ params.n and stages['read-csv'].outputs.rows }}" if ours is None else ours
    assert last(found)["echo"] == wanted
    assert found.lost == ()


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        ("${{ stages.sets.outputs.other }}", "its one output"),
        ("${{ stages.child.outputs.jobs.a.stages.b }}", "not in the outputs"),
        ("${{ stages.both.outputs.workers }}", "number of workers"),
        ("${{ stages.py.info.exec_start }}", "times of a stage"),
        ("${{ jobs.job.strategies.1234567890.stages.py }}", "hash"),
        ("${{ release.run_id }}", "release"),
        ("${{ secrets.token }}", "not a name"),
        ("${{ params.name | slugify }}", "no filter 'slugify'"),
        ("${TOKEN}", "environment: ${TOKEN}"),
        ("${TOKEN:none}", "environment: ${TOKEN}"),
    ],
)
def test_what_has_no_equal_stays_and_is_told(theirs: str, words: str) -> None:
    found = workflow({"name": "s", "echo": theirs})
    assert last(found)["echo"] == theirs
    assert [it.pointer for it in found.lost] == ["/wf/jobs/job/stages/7/echo"]
    assert words in found.lost[0].message


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (True, True),
        ("true", True),
        ("False", False),
        ("${{ params.flag }}", "${{ params.flag }}"),
        ("${{ params.n }} > 3", "${{ params.n > 3 }}"),
        ("'${{ params.name }}' == 'x'", "${{ params.name == 'x' }}"),
        ('"${{ params.n }}" in ("1", "2")', '${{ str(params.n) in ("1", "2") }}'),
        ("${{ params.n | int }} == 1", "${{ int(params.n) == 1 }}"),
        ("${{ params.m | getitem('a', 0) }} > 1", "${{ params.m.get('a', 0) > 1 }}"),
        ("${{ stages.read-csv.outputs.rows }} > 1", "${{ stages['read-csv'].outputs.rows > 1 }}"),
        ("${{ params.items.items }} == 1", "${{ params['items']['items'] == 1 }}"),
        ("params['n'] > 3", "${{ params['n'] > 3 }}"),
        ("${{ params.n == 3 }}", "${{ params.n == 3 }}"),
        ("not ${{ params.n > 2 }}", "${{ not (params.n > 2) }}"),
    ],
)
def test_a_condition_is_one_expression(theirs: Any, ours: Any) -> None:
    found = workflow({"name": "s", "if": theirs})
    assert last(found)["if"] == ours
    assert found.lost == ()


@pytest.mark.parametrize(
    "theirs",
    [
        "'a-${{ params.name }}' == 'a-b'",
        "${{ params.name? }} == 'a' or ${{ params.n }} > 1",
        "${{ params.name | fmt('%Y') }} == 2026",
    ],
)
def test_a_condition_that_has_no_equal_stays(theirs: str) -> None:
    found = workflow({"name": "s", "if": theirs})
    assert last(found)["if"] == theirs
    assert [it.pointer for it in found.lost] == ["/wf/jobs/job/stages/7/if"]


def test_code_gets_its_values_by_vars() -> None:
    code = (
        'a = ${{ params.n }} + ${{ params.n }}\nb = "${{ params.name }}"\n'
        "c = '''say \"x\"''' # ${{ params.n }}\nd = {'k': '${{ params.n | int }}'}\n"
    )
    found = workflow({"name": "s", "run": code, "vars": {"params_n": 1}})
    assert last(found)["run"] == (
        "a = params_n_2 + params_n_2\nb = params_name\n"
        "c = '''say \"x\"''' # params.n\nd = {'k': params_n_3}\n"
    )
    assert last(found)["vars"] == {
        "params_n": 1,
        "params_n_2": "${{ params.n }}",
        "params_name": "${{ params.name | str }}",
        "params_n_3": "${{ params.n | int | str }}",
    }
    assert found.lost == ()


@pytest.mark.parametrize("code", ['print("n: ${{ params.n }}")', 'x = b"${{ params.n }}"'])
def test_code_with_an_expression_inside_of_a_text_is_told(code: str) -> None:
    found = workflow({"name": "s", "run": code})
    assert last(found)["run"] == code
    assert [it.pointer for it in found.lost] == ["/wf/jobs/job/stages/7/run"]


def test_names_that_do_not_fit_are_written_otherwise_everywhere() -> None:
    found = workflow({"name": "s", "id": "my stage", "echo": "x"})
    assert list(found.document["params"]) == ["name", "n", "day-of-run"]
    assert list(found.document["jobs"]) == ["job", "other-job"]
    assert last(found)["id"] == "my-stage"
    assert {it.pointer for it in found.report if "is written" in it.message} == {
        "/wf/params/day of run",
        "/wf/jobs/job/stages/7/id",
        "/wf/jobs/other job",
    }


def test_the_older_forms_of_on() -> None:
    wanted = {"schedule": [{"cron": "0 6 * * *", "timezone": "UTC"}]}
    row = {"cronjob": "0 6 * * *", "timezone": "UTC"}
    for form in ([row], row, {"schedule": [row]}, {"schedule": row}):
        found = workflow(on=form)
        assert found.document["on"] == wanted
        assert found.lost == ()
    found = workflow(on=["every_5_minute"])
    assert "on" not in found.document
    assert [it.pointer for it in found.lost] == ["/wf/on/0"]


def test_names_are_never_given_twice() -> None:
    assert renamed(["a b", "a-b", "a.b", "1", ""], "x") == {
        "a b": "a-b-2",
        "a-b": "a-b",
        "a.b": "a-b-3",
        "1": "x-1",
        "": "x",
    }
    free = Names(["a"])
    assert [free.take("a"), free.take("a"), free.take("b")] == ["a-2", "a-3", "b"]
    assert slug("é" * 500).startswith("n")


TEXT = st.text(st.characters(codec="ascii", exclude_characters="\x00"), max_size=20)
WORDS = st.sampled_from(
    ["${{ params.a }}", "${{ a | b(1) }}", "{: a :}", "{# b.0 #}", "'${{ item }}' == 'x'", "${X}"]
)
KEYS = [
    "id",
    "name",
    "run",
    "vars",
    "if",
    "foreach",
    "stages",
    "match",
    "case",
    "uses",
    "parallel",
    "bash",
    "env",
    "on",
    "params",
    "jobs",
    "steps",
    "action",
    "parameters",
    "variables",
    "local_values",
    "until",
    "volume",
    "strategy",
]
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            TEXT | st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=30,
)


@pytest.mark.parametrize("system", ["ddeutil", "pyconduit"])
@given(data=DATA, steps=DATA)
def test_whatever_a_document_holds_it_is_converted_or_refused(
    system: System, data: Any, steps: Any
) -> None:
    stages: Any = [steps]
    if is_list(steps):
        stages = steps
    job: Any = {"jobs": {"j": {"stages": stages}}, "type": "Workflow"}
    outline: Any = {"w": job} if system == "ddeutil" else {"steps": stages}
    for value in (outline, {**outline, "x": data}, {"w": data}, data):
        try:
            found = convert(system, from_data(value))
        except InvalidDocumentError:
            continue
        assert read(to_yaml(found.document), syntax="yaml").data == found.document
        validate(found.document)


@pytest.mark.parametrize(
    "text",
    [
        "${{ params.a" + " | upper" * 3_000 + " !}}",
        "${{ params.a" + "  |  a  " * 3_000 + "(}}",
        "$" * 200_000 + "{",
        "${a:" * 50_000,
        "'\\" * 5_000 + "${{ item }}" + "'\\'" * 5_000,
        "${{ item }}" * 8_000,
        '"${{ item }}" ' * 8_000,
        "{: a" * 50_000,
        "{: a :}" * 10_000,
        "{# a." * 50_000,
    ],
    ids=range(10),
)
def test_a_text_that_would_keep_a_search_busy_for_ever_is_converted(text: str) -> None:
    for key in ("echo", "if", "run", "bash"):
        assert last(workflow({"name": "s", key: text}))["name"] == "s"
    steps = [{"action": "TEXT.CREATE", "if": text, "parameters": {"value": text}}]
    found = convert("pyconduit", from_data({"steps": steps}))
    assert found.document["stages"][-1]["uses"] == "text.create"
