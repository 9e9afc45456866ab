"""Every block of pyconduit 1.0.4 has its counterpart, with all of its parameters."""

import json
from pathlib import Path

import pytest

from blockyard_blocks import Catalog
from blockyard_blocks.pyconduit_names import NAMES, Renamed

SIGNATURES: dict[str, list[str]] = json.loads(
    Path(__file__).with_name("pyconduit_signatures.json").read_text()
)


def test_all_98_are_there() -> None:
    assert len(SIGNATURES) == 98
    assert NAMES.keys() == SIGNATURES.keys()
    assert len({renamed.name for renamed in NAMES.values()}) == 98


@pytest.mark.parametrize(("old", "renamed"), NAMES.items(), ids=NAMES)
def test_each_has_its_block_and_its_parameters(old: str, renamed: Renamed) -> None:
    found = Catalog.builtin().find(renamed.name)
    assert found is not None
    own = {item.name for item in found.signature.tenant}
    new = [renamed.parameters.get(name, name).partition("[")[0] for name in SIGNATURES[old]]
    assert set(new) <= own
    assert renamed.parameters.keys() <= set(SIGNATURES[old])
    required = {item.name for item in found.signature.tenant if item.required}
    assert required <= set(new)
