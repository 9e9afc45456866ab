"""Whole numbers that a document may also give by an expression."""

from __future__ import annotations

from typing import Any

from blockyard_platform.errors import StageFailureError
from blockyard_schemas.statuses import Code


def whole(name: str, value: Any, least: int, most: int) -> int:
    """Return a whole number between two bounds; raise StageFailureError (INVALID_ARGUMENT) for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise StageFailureError(
            Code.INVALID_ARGUMENT,
            f"{name} must be a whole number from {least} to {most}, not {str(value)[:40]!r}",
        )
    return value
