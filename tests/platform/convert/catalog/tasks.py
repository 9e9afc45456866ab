"""The callers that the documents beside this folder use, as blocks."""

from typing import Any

from blockyard_blocks import block


@block()
def simple_task(*, source: str, days: int = 1) -> dict[str, Any]:
    """Say what would be loaded."""
    return {"records": days * 10, "source": source.upper()}


@block()
def echo_back(*, value: Any) -> dict[str, Any]:
    """Return what it is given."""
    return {"value": value}
