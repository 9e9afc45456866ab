"""The published files: stable texts, standard schemas."""

import json

import jsonschema

from blockyard_schemas.blocks_interface import BlockInterface, name_of
from blockyard_schemas.policy import Policy
from blockyard_schemas.publishing import POLICY, WORKFLOW, published_files, stale_files


def test_the_files_are_schemas_and_the_same_each_time(
    policy: Policy, blocks: dict[str, BlockInterface]
) -> None:
    files = published_files(policy, blocks)
    assert sorted(files) == [POLICY, WORKFLOW]
    again = published_files(policy, dict(reversed(blocks.items())))
    assert files == again
    for text in files.values():
        jsonschema.Draft202012Validator.check_schema(json.loads(text))
        assert text.endswith("}\n")


def test_stale_files_are_named(policy: Policy, blocks: dict[str, BlockInterface]) -> None:
    files = published_files(policy, blocks)
    assert stale_files(files, files) == []
    assert stale_files(files, {POLICY: files[POLICY]}) == [WORKFLOW]
    fewer = published_files(policy, {"text.join": blocks["text.join"]})
    assert stale_files(files, fewer) == [WORKFLOW]


def test_the_spellings_of_a_block() -> None:
    block = BlockInterface("text.join", version="v2")
    assert block.spellings == ("text.join", "text.join@v2", "text/join@v2")
    assert {name_of(spelling) for spelling in block.spellings} == {"text.join"}
    assert [name_of(it) for it in ("text/join", "join", "a.b.c", "a b", "")] == [None] * 5
