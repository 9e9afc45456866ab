"""The decorator, the signatures that blocks may have, and the schemas that come of them."""

import datetime
import inspect
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from blockyard_blocks import UNSET, Block, Catalog, Context, Example, block
from blockyard_blocks.declaring import declaration_of
from blockyard_blocks.errors import DeclarationError


@block(tags={"a", "b"}, limit=3, icon="scissors", example=Example({"n": 1}, 2))
def double(*, n: int, label: str | None = None) -> int:
    """Double a number.

    - n: the number,
      a whole one
    - label: a word
    """
    return n * (2 if label is None else 3)


def one(function: Any) -> Block:
    return next(iter(Catalog.of(function)))


def test_the_function_stays_a_function() -> None:
    assert inspect.isfunction(double)
    assert double(n=4) == 8
    assert str(inspect.signature(double)) == "(*, n: int, label: str | None = None) -> int"


def test_the_declaration_is_kept_frozen() -> None:
    found = declaration_of(double)
    assert found is not None
    assert (found.tags, found.limit, found.icon) == (frozenset({"a", "b"}), 3, "scissors")
    assert (found.runs, found.version, found.private, found.deprecated) == (
        *("guest", "v1", False),
        None,
    )
    with pytest.raises(AttributeError):
        found.limit = 4  # type: ignore[misc]
    assert declaration_of(len) is None
    assert declaration_of(3) is None


def test_a_text_as_tags_is_refused() -> None:
    with pytest.raises(TypeError, match=r"write \{'text'\}"):
        block(tags="text")


def test_a_block_has_what_was_declared() -> None:
    found = one(double)
    assert found.name == "test_block_declaring.double"
    assert found.reference == "test_block_declaring.double@v1"
    assert (found.category, found.version, found.limit) == ("test_block_declaring", "v1", 3)
    assert found.doc.startswith("Double a number.")
    assert found.examples[0].result == 2
    assert not found.is_async
    assert not found.takes_variables


def test_the_interface_is_closed_and_described() -> None:
    interface = one(double).interface
    assert interface.parameters == {
        "type": "object",
        "additionalProperties": False,
        "required": ["n"],
        "properties": {
            "n": {"type": "integer", "description": "the number, a whole one"},
            "label": {
                "anyOf": [{"type": "string"}, {"type": "null"}],
                "default": None,
                "description": "a word",
            },
        },
    }
    assert interface.result == {"type": "integer"}
    assert (interface.tags, interface.limit, interface.runs) == (
        *(frozenset({"a", "b"}), 3),
        "guest",
    )


class Person(BaseModel):
    name: str
    age: Annotated[int, Field(ge=0)] = 0


class Color(Enum):
    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (Any, {}),
        (list, {"type": "array", "items": {}}),
        (dict, {"type": "object", "additionalProperties": True}),
        (list[dict[str, Any]], {"type": "array", "items": {"type": "object"}}),
        (Literal["a", 1], {"enum": ["a", 1]}),
        (int | float, {"anyOf": [{"type": "integer"}, {"type": "number"}]}),
        (dict[str, list[int]], {"type": "object"}),
        (dict[Literal["a"], int], {"type": "object"}),
        (Annotated[int, Field(ge=1, le=9)], {"type": "integer", "minimum": 1, "maximum": 9}),
        (Person, {"type": "object", "required": ["name"]}),
        (list[Person], {"type": "array"}),
        (datetime.date, {"type": "string", "format": "date"}),
        (Color, {"enum": ["red", "blue"]}),
    ],
)
def test_annotations_become_schemas(annotation: Any, schema: dict[str, Any]) -> None:
    def take(*, value: Any) -> None:
        """Take a value."""

    take.__annotations__["value"] = annotation
    interface = one(block(name="a.b")(take)).interface
    found = interface.parameters["properties"]["value"]
    assert "$ref" not in str(found)
    for key, value in schema.items():
        if key == "items" and value == {"type": "object"}:
            assert found["items"]["type"] == "object"
        else:
            assert found[key] == value


def test_values_of_richer_types_are_made() -> None:
    @block(name="a.b")
    def describe(*, person: Person, day: datetime.date, color: Color) -> str:
        """Describe."""
        return f"{person.name} {person.age} {day.year} {color.name}"

    arguments = {"person": {"name": "Ann", "age": 3}, "day": "2026-01-31", "color": "red"}
    assert one(describe).call(arguments) == "Ann 3 2026 RED"


def test_a_default_without_a_value_is_not_shown() -> None:
    @block(name="a.b")
    def take(*, value: Any = UNSET) -> bool:
        """Take a value."""
        return value is UNSET

    found = one(take)
    assert "default" not in found.interface.parameters["properties"]["value"]
    assert found.call({}) is True
    assert found.call({"value": None}) is False


def no_type(*, value) -> None:  # type: ignore[no-untyped-def]
    """Take a value."""


def no_result(*, value: int):  # type: ignore[no-untyped-def]
    """Take a value."""


def anything(**values: int) -> None:
    """Take values."""


def positional(value: int) -> None:
    """Take a value."""


def late(variables: dict[str, Any], other: int) -> None:
    """Take both."""


async def waiting(*, value: int) -> None:
    """Take a value."""


def unknown_type(*, value: "Missing") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Take a value."""


REFUSED: list[tuple[Any, str]] = [
    (no_type, "the parameter 'value' has no type; write value: str"),
    (no_result, "the result has no type"),
    (anything, r"the parameter '\*\*values: int' takes anything"),
    (positional, "'value' is positional: in a guest block all parameters are the tenant's"),
    (late, "'other' is positional"),
    (waiting, 'a guest block is a plain function: write "def", or runs="host"'),
    (unknown_type, "its annotations cannot be read: name 'Missing' is not defined"),
]


@pytest.mark.parametrize(("function", "words"), REFUSED)
def test_a_function_that_can_be_no_block_is_refused(function: Any, words: str) -> None:
    with pytest.raises(DeclarationError, match=words) as caught:
        _ = one(block(name="a.b")(function)).interface
    assert caught.value.block == "a.b"
    assert function.__name__ in caught.value.source


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "Text.Join"}, "a name is category.function"),
        ({"name": "a.b.c"}, "a name is category.function"),
        ({"name": ""}, "block test_block_declaring.given"),
        ({"name": "a.b", "version": "1.0"}, "the version '1.0' is not like v1"),
    ],
)
def test_names_and_versions_have_a_form(options: dict[str, str], words: str) -> None:
    def given(*, value: int) -> int:
        """Give."""
        return value

    declared = block(**options)(given)  # type: ignore[arg-type]
    if not options["name"]:
        assert one(declared).name == "test_block_declaring.given"
        return
    with pytest.raises(DeclarationError, match=words):
        Catalog.of(declared)


def test_a_function_that_is_not_decorated_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"it is not a block: put @block\(...\) above it"):
        Catalog.of(one)


def test_a_trailing_underscore_is_no_part_of_the_name() -> None:
    @block()
    def filter_(*, value: int) -> int:
        """Filter."""
        return value

    assert one(filter_).name == "test_block_declaring.filter"


def test_a_host_block_may_not_take_the_variables() -> None:
    @block(name="a.b", runs="host")
    def take(variables: dict[str, Any]) -> None:
        """Take."""

    with pytest.raises(DeclarationError, match="take 'context' first"):
        Catalog.of(take)


def test_a_context_holds_what_the_run_is() -> None:
    lines: list[str] = []
    context = Context("r1", "w", "a.b", "t", policy=None, log=lines.append)  # type: ignore[arg-type]
    context.log("said")
    assert (context.run_id, context.workflow, context.stage, context.tenant) == (
        *("r1", "w"),
        *("a.b", "t"),
    )
    assert lines == ["said"]
