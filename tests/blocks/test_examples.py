"""Every built-in block: its examples run, and it says what a person and an editor need."""

import json

import jsonschema
import pytest

from blockyard_blocks import Block, Catalog, Example
from blockyard_blocks.docstrings import described_parameters

BLOCKS = list(Catalog.builtin())
EXAMPLES = [
    pytest.param(block, example, id=f"{block.name}-{number}")
    for block in BLOCKS
    for number, example in enumerate(block.examples, 1)
]
each_block = pytest.mark.parametrize("block", BLOCKS, ids=[block.name for block in BLOCKS])


@pytest.mark.parametrize(("block", "example"), EXAMPLES)
def test_an_example_gives_its_result(block: Block, example: Example) -> None:
    variables = dict(example.variables or {})
    result = block.call(dict(example.arguments), variables=variables)
    if example.varies:
        assert type(result) is type(example.result)
    else:
        assert result == example.result
        assert type(result) is type(example.result)
    if example.left is not None:
        assert variables == example.left
    assert json.loads(json.dumps(result, allow_nan=False)) == result


@pytest.mark.parametrize(("block", "example"), EXAMPLES)
def test_an_example_fits_the_schemas(block: Block, example: Example) -> None:
    jsonschema.validate(dict(example.arguments), block.interface.parameters)
    jsonschema.validate(example.result, block.interface.result)


@each_block
def test_a_block_has_an_example_and_its_family_as_tag(block: Block) -> None:
    assert block.examples
    assert block.tags == {block.category}
    assert block.runs == "guest"
    assert not block.private


@each_block
def test_a_block_is_described(block: Block) -> None:
    first = block.doc.splitlines()[0]
    assert first.endswith(".")
    assert 10 <= len(first) <= 120
    assert list(described_parameters(block.doc)) == [item.name for item in block.signature.tenant]


@each_block
def test_the_schemas_are_closed_and_plain(block: Block) -> None:
    interface = block.interface
    jsonschema.Draft202012Validator.check_schema(interface.parameters)
    jsonschema.Draft202012Validator.check_schema(interface.result)
    assert interface.parameters["type"] == "object"
    assert interface.parameters["additionalProperties"] is False
    assert json.loads(json.dumps(interface.parameters)) == interface.parameters
    for schema in interface.parameters["properties"].values():
        assert schema["description"]
