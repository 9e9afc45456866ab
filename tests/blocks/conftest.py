"""What the tests of blocks share."""

from collections.abc import Callable
from typing import Any

import pytest

from blockyard_blocks import Catalog


@pytest.fixture(scope="session")
def use() -> Callable[..., Any]:
    """Call a built-in block by name, with its arguments by keyword."""
    catalog = Catalog.builtin()

    def call(name: str, /, **arguments: Any) -> Any:
        found = catalog.find(name)
        assert found is not None, name
        return found.call(arguments)

    return call
