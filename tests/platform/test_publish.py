"""The published schemas are those of this code."""

import json
from pathlib import Path

import pytest

from blockyard_platform.publish import folder, publish, published


@pytest.mark.parametrize("name", ["workflow.schema.json", "policy.schema.json"])
def test_a_published_schema_is_up_to_date(name: str) -> None:
    text = (folder() / name).read_text(encoding="utf-8")
    assert text == published()[name], "run: python -m blockyard_platform.publish"
    assert json.loads(text)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_publishing_writes_what_has_changed_and_only_that(tmp_path: Path) -> None:
    assert sorted(path.name for path in publish(tmp_path)) == sorted(published())
    assert publish(tmp_path) == []
