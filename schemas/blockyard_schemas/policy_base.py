"""What the parts of a policy are made of: closed, frozen models, and numbers with a least and a most."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Model(BaseModel):
    """A closed mapping that cannot be changed."""

    # A part of a policy is validated as a part: building a validator for each of them would cost each start some 20 ms.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def _whole(value: Any) -> Any:
    """Take 3.0 for 3, as JSON Schema does."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)


def count(least: int, most: int) -> Any:
    """Return the field of a whole number between bounds."""
    return Field(strict=True, ge=least, le=most)


def seconds(most: float) -> Any:
    """Return the field of a number above 0, up to a bound."""
    return Field(strict=True, gt=0, le=most, allow_inf_nan=False)
