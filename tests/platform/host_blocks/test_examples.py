"""The platform's own blocks: their examples run, and they say what a person and an editor need."""

from pathlib import Path

import jsonschema
import pytest

from blockyard_blocks import Block, Catalog, Context
from blockyard_blocks.docstrings import described_parameters
from blockyard_platform.host_blocks import MODULES, platform_catalog
from blockyard_schemas.policy import Policy

BLOCKS = [block for block in platform_catalog() if block.category in MODULES]
each_block = pytest.mark.parametrize("block", BLOCKS, ids=[block.name for block in BLOCKS])


@each_block
def test_a_block_is_described_and_runs_in_the_host(block: Block) -> None:
    assert block.examples
    assert block.tags == {block.category}
    assert block.runs == "host"
    assert not block.private
    assert block.doc.splitlines()[0].endswith(".")
    described = described_parameters(block.doc)
    assert list(described) == [each.name for each in block.signature.tenant]
    for example in block.examples:
        jsonschema.validate(dict(example.arguments), block.interface.parameters)
        jsonschema.validate(example.result, block.interface.result)


@pytest.mark.parametrize(
    "names",
    [
        ["kv.get", "kv.list", "kv.delete", "kv.set"],
        ["file.write", "file.read", "file.list", "file.delete"],
    ],
)
def test_the_examples_of_stores_run_in_this_order(names: list[str], tmp_path: Path) -> None:
    policy = Policy.model_validate({"kv": {"quota_mib": 1}, "files": {"quota_mib": 1}})
    context = Context("r", "w", "s", "t", policy, print, tmp_path)
    catalog = platform_catalog()
    for name in names:
        block = catalog.find(name)
        assert block is not None
        for example in block.examples:
            assert block.call(example.arguments, context=context) == example.result


def test_the_built_in_catalog_has_none_of_them() -> None:
    assert not any(
        name in Catalog.builtin() for name in ("http.request", "kv.get", "file.read", "sql.query")
    )
    assert platform_catalog().guest_config() == Catalog.builtin().guest_config()
    assert platform_catalog().merge(Catalog.builtin()).find("http.request@v1") is not None
