"""The blocks' half of a guest: what is loaded, what is answered, and that nothing is read afterwards."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blockyard_blocks import BlockError, Catalog, block
from blockyard_blocks.serve import make
from blockyard_schemas.statuses import Code

Call = Callable[[dict[str, Any]], Any]


@block(name="mine.twice")
def twice(*, n: int) -> int:
    """Double a number."""
    return n * 2


@block(name="mine.twice", version="v2")
def thrice(*, n: int) -> int:
    """Treble a number."""
    return n * 3


@block(name="mine.fails")
def fails(*, how: str) -> None:
    """Fail in one of the ways."""
    kinds: dict[str, Exception] = {
        "value": ValueError("bad value"),
        "type": TypeError("bad type"),
        "assert": AssertionError("no"),
        "zero": ZeroDivisionError("by zero"),
        "own": BlockError(Code.RAISED, "so it is"),
        "empty": ValueError(),
        "key": KeyError("k"),
    }
    raise kinds[how]


@block(name="mine.remote", runs="host")
def remote(*, n: int) -> int:
    """Run in the host only."""
    return n


@pytest.fixture(scope="module")
def call() -> Call:
    catalog = Catalog.builtin().merge(Catalog.of(twice, thrice, fails, remote))
    config = catalog.guest_config()
    return make(json.loads(json.dumps(config)))


def test_a_block_is_called(call: Call) -> None:
    assert call({"name": "text.join", "with": {"items": ["a", "b"]}}) == {"result": "ab"}
    assert call({"name": "logic.true"}) == {"result": True}
    assert call({"name": "logic.true", "with": None}) == {"result": True}


def test_versions_are_told_apart(call: Call) -> None:
    answers = [
        call({"name": name, "with": {"n": 1}})["result"]
        for name in ("mine.twice", "mine.twice@v1", "mine.twice@v2")
    ]
    assert answers == [3, 2, 3]


def test_variables_come_back(call: Call) -> None:
    asked = {"name": "variable.increment", "with": {"name": "n"}, "variables": {"n": 1}}
    assert call(asked) == {"result": 2, "variables": {"n": 2}}
    assert call({"name": "variable.count"}) == {"result": 0, "variables": {}}


@pytest.mark.parametrize(
    ("how", "code", "message"),
    [
        ("value", Code.INVALID_ARGUMENT, "mine.fails: bad value"),
        ("type", Code.INVALID_TYPE, "mine.fails: bad type"),
        ("assert", Code.ASSERTION_ERROR, "mine.fails: no"),
        ("zero", Code.INVALID_ARGUMENT, "mine.fails: by zero"),
        ("own", Code.RAISED, "so it is"),
        ("empty", Code.INVALID_ARGUMENT, "mine.fails: ValueError"),
    ],
)
def test_an_exception_has_its_code(call: Call, how: str, code: Code, message: str) -> None:
    with pytest.raises(BlockError) as caught:
        call({"name": "mine.fails", "with": {"how": how}})
    assert (caught.value.code, caught.value.message) == (code, message)


def test_other_exceptions_pass_through(call: Call) -> None:
    with pytest.raises(KeyError):
        call({"name": "mine.fails", "with": {"how": "key"}})


@pytest.mark.parametrize(
    "name", ["text.nothing", "mine.remote", "text.text_block", "__class__", ""]
)
def test_what_is_no_guest_block_is_not_found(call: Call, name: str) -> None:
    with pytest.raises(BlockError, match="the guest has no block") as caught:
        call({"name": name, "with": {}})
    assert caught.value.code is Code.BLOCK_NOT_FOUND


def test_a_stop_has_its_own_code(call: Call) -> None:
    with pytest.raises(BlockError, match="enough") as caught:
        call({"name": "logic.stop", "with": {"message": "enough"}})
    assert caught.value.code is Code.KILLED_MANUALLY


def test_only_what_is_used_is_loaded() -> None:
    call = make({**Catalog.builtin().guest_config(["math.add"]), "warm": ["math.add", "no.block"]})
    assert call({"name": "math.add", "with": {"first": 1, "second": 2}}) == {"result": 3}
    with pytest.raises(BlockError, match="no block"):
        call({"name": "text.join", "with": {"items": []}})


CLOSED = """
import json, sys
from blockyard_blocks.serve import make
call = make(json.load(sys.stdin))
requests = json.loads(sys.argv[1])
late = []

def watch(event, arguments):
    if event == "import":
        late.append(f"import {arguments[0]}")
    elif event == "open" and "zoneinfo" not in str(arguments[0]):
        late.append(f"open {arguments[0]}")

sys.addaudithook(watch)
failures = []
for request in requests:
    try:
        call(request)
        call({**request, "with": {**request["with"], "no such": 1}})
    except Exception as error:
        if type(error).__name__ != "ArgumentsError":
            failures.append(f"{request['name']}: {error!r}")
print(json.dumps({"late": late, "failures": failures}))
"""


def in_a_process(catalog: Catalog, requests: list[dict[str, Any]]) -> dict[str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CLOSED, json.dumps(requests)],
        input=json.dumps(catalog.guest_config()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def test_nothing_is_imported_or_opened_once_the_blocks_are_loaded() -> None:
    catalog = Catalog.builtin()
    requests = [
        {"name": found.name, "with": example.arguments, "variables": example.variables}
        for found in catalog
        for example in found.examples
    ]
    assert in_a_process(catalog, requests) == {"late": [], "failures": []}


def test_the_files_of_a_folder_and_of_this_module_are_loaded_elsewhere(tmp_path: Path) -> None:
    tmp_path.joinpath("rich.py").write_text(
        "from typing import Annotated\nfrom pydantic import BaseModel, Field\n"
        "from blockyard_blocks import block\n\n\nclass Point(BaseModel):\n    x: int\n\n\n"
        "@block()\ndef over(*, point: Point, n: Annotated[int, Field(ge=1)]) -> int:\n"
        "    return point.x + n\n"
    )
    catalog = Catalog.of(twice).with_folder(tmp_path)
    requests: list[dict[str, Any]] = [
        {"name": "rich.over", "with": {"point": {"x": 1}, "n": 2}},
        {"name": "mine.twice", "with": {"n": 2}},
    ]
    assert in_a_process(catalog, requests) == {"late": [], "failures": []}


def test_a_place_that_is_gone_is_an_error() -> None:
    place = {"name": "a.b", "module": "no_such_module", "file": None, "function": "f"}
    with pytest.raises(ValueError, match="no_such_module: there is no such module"):
        make({"blocks": {"a.b@v1": place}})
    place = {"name": "a.b", "module": "json", "file": None, "function": "f"}
    with pytest.raises(ValueError, match="json: it has no function f"):
        make({"blocks": {"a.b@v1": place}})


COLD = """
import sys
from blockyard_blocks import Catalog
catalog = Catalog.builtin()
assert catalog.find("text.join") is not None
heavy = {"pydantic", "pydantic_core", "re2", "decimal", "zoneinfo", "importlib.metadata", "csv"}
print(sorted(heavy & sys.modules.keys()))
"""


def test_a_catalog_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", COLD], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
