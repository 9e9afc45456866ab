"""Jobs as a user of pyconduit has them: each is converted, and does here what it is meant to do."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from blockyard_blocks import Catalog
from blockyard_blocks.pyconduit_names import NAMES
from blockyard_platform import Runner
from blockyard_platform.convert import Converted, convert
from blockyard_platform.convert.pyconduit.tables import IN_PLACE, TAKEN, TELLS
from blockyard_platform.convert.writing import to_yaml
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.reader import from_data, read

HERE = Path(__file__).parent
FILES = {path.stem: path for path in (HERE / "pyconduit").iterdir()}

RESULTS: dict[str, dict[str, Any]] = {
    "greeting": {
        "joined": "Hello Ada",
        "upper": "HELLO ADA",
        "count": 10,
        "4": "greeting job-7: 10 at 3 by UPPERCASE",
    },
    "numbers": {"1": 4.0, "2": 12.0, "3": 16.0, "4": 32, "5": 32},
    "conditions": {
        "adult": True,
        "welcome": "welcome",
        "child": False,
        "toys": None,
        "both": "both",
        "nothing": None,
        "half": "half of a comparison",
    },
    "variables": {
        "add": ["pen", "book"],
        "count": 2,
        "pop": {"item": "pen", "items": ["book"]},
        "text": "2 bought, pen returned, book kept",
    },
    "forced": {"check": None, "skipped": None, "always": "code 106"},
    "paths": {
        "key": "1",
        "tags": ["a", "b"],
        "cut": [{"id": 2, "tag-set": ["c"]}],
        "head": "<con>",
        "back": "tiudnoc",
        "but-last": "condui",
    },
    "dictionaries": {
        "made": {"name": "Ada", "langs": ["en", "fr"]},
        "older": {"name": "Ada", "langs": ["en", "fr"], "age": 36},
        "popped": {"value": ["en", "fr"], "dictionary": {"name": "Ada", "age": 36}},
        "two": ["en", "last"],
        "merged": ["en", "last", "en", "fr"],
        "text": "en-last-en-fr",
    },
    "own-blocks": {"load": {"records": 30, "source": "API"}, "rest": 25},
}
"""The result of each step by its id here; ``None`` of one that was skipped or has failed."""

LOST = [
    ("/tags", "`tags`"),
    ("/step_limit", "`steps`"),
    ("/block_limit_overrides", "`blocks`"),
    ("/global_values", "runs='host'"),
    ("/owner", "ignored"),
    ("/steps/0/retry", "see what stages have"),
    ("/steps/0/parameters/value", "before this one"),
    ("/steps/1/parameters/value", "dict.get"),
    ("/steps/2/parameters/value", "steps.ID.status.value"),
    ("/steps/3/parameters/value/{< k >}", "dict.from_pairs"),
    ("/steps/4/parameters/list", "make the whole anew"),
    ("/steps/5/action", "category.function"),
    ("/steps/6/if", "write a tag"),
    ("/steps/6/parameters/value", "correct it"),
    ("/steps/7", "name a block"),
]


def converted(name: str) -> Converted:
    path = FILES[name]
    return convert("pyconduit", read(path.read_bytes()), name=name)


@pytest.fixture
async def runner() -> AsyncIterator[Runner]:
    async with Runner(catalog=Catalog.builtin().with_folder(HERE / "catalog")) as found:
        yield found


def test_every_job_has_its_results() -> None:
    assert len(RESULTS) >= 8
    assert FILES.keys() == {*RESULTS, "lost", "names"}


@pytest.mark.parametrize("name", RESULTS)
async def test_a_job_runs(name: str, runner: Runner) -> None:
    found = converted(name)
    assert found.lost == ()
    result = await runner.run(to_yaml(found.document))
    assert result.problems == ()
    assert result.status == ("FAILED" if name == "forced" else "SUCCESS")
    stages = result.as_dict()["jobs"]["main"]["stages"]
    assert {step: stages[step]["outputs"].get("result") for step in RESULTS[name]} == RESULTS[name]


async def test_a_list_of_steps_gets_names_that_fit(runner: Runner) -> None:
    found = converted("names")
    assert [stage["id"] for stage in found.document["stages"]] == [
        "the-first-one",
        "step-2nd",
        "a-b",
    ]
    # Neither a tag nor an id may hold a space, so that these two stay text there, and here.
    result = await runner.run(found.document)
    stages = result.as_dict()["jobs"]["main"]["stages"]
    assert stages["a-b"]["outputs"] == {
        "result": "{: the first one :} ${{ not ours }}",
    }


def test_what_has_no_equal_is_told_with_its_place_and_what_to_do() -> None:
    found = converted("lost").lost
    assert [it.pointer for it in found] == [pointer for pointer, _ in LOST]
    for problem, (_, words) in zip(found, LOST, strict=True):
        assert words in str(problem.hint)
        assert problem.line


def test_the_conditions_say_what_they_keep() -> None:
    found = converted("conditions")
    conditions = {stage["id"]: stage.get("if") for stage in found.document["stages"]}
    assert conditions == {
        "adult": None,
        "welcome": "${{ stages.adult.outputs.result }}",
        "child": None,
        "toys": "${{ stages.child.outputs.result }}",
        "both": "${{ stages.adult.outputs.result and bool(stages.welcome.outputs.result) }}",
        "nothing": "${{ bool(params.empty) }}",
        "half": True,
    }
    assert any("always holds" in it.message for it in found.report)


def test_variables_that_nothing_changes_are_params() -> None:
    document = converted("greeting").document
    assert document["params"] == {
        "user": {
            "type": "object",
            "default": {"name": "Ada", "tags": ["math", "code", "poetry"]},
        },
        "greeting": {"type": "string", "default": "Hello"},
    }
    assert document["stages"][0]["with"] == {
        "first": "${{ params.greeting }}",
        "second": "${{ params.user.name }}",
    }


def test_the_tables_speak_of_blocks_that_there_are() -> None:
    assert {*IN_PLACE, *TAKEN, *TELLS} <= NAMES.keys()


def test_the_page_on_moving_over_lists_every_block() -> None:
    rows = (HERE.parents[2] / "docs" / "migrating.md").read_text().splitlines()
    for old, renamed in NAMES.items():
        row = next(row for row in rows if row.startswith(f"| `{old}` |")).split("|")
        assert row[2].strip() == f"`{renamed.name}`"
        changed = [f"`{theirs}` → `{ours}`" for theirs, ours in renamed.parameters.items()]
        assert row[3].strip() == ", ".join(changed)
        assert row[4].strip() == renamed.note


@pytest.mark.parametrize("data", [{}, {"steps": 3}, "text", {"name": "x", "steps": {}}])
def test_what_is_no_job_is_refused(data: Any) -> None:
    with pytest.raises(InvalidDocumentError, match="there are no steps"):
        convert("pyconduit", from_data(data))


@pytest.mark.parametrize("name", FILES)
def test_what_is_written_is_read_again_as_the_same(name: str) -> None:
    document = converted(name).document
    assert read(to_yaml(document)).data == document
    assert json.loads(json.dumps(document)) == document
