"""``field_notes``: docstrings of fields as descriptions."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from blockyard_schemas.field_notes import add_notes


class Base(BaseModel):
    """What all are made of."""

    model_config = ConfigDict(extra="forbid")


class Common(Base):
    """What two share."""

    name: str = "x"
    """What it is called."""


class Inner(Common):
    """A part."""

    plain: int = 0
    other: int = 1
    """The
    other one."""
    spelt: int = Field(default=2, alias="spelt-so")
    """By its alias."""


class Outer(Common):
    """The whole."""

    inner: Inner = Inner()
    """A part of it."""
    name: str = "y"
    """Another name."""


def test_descriptions_stand_at_the_properties_of_each_model() -> None:
    schema: dict[str, Any] = Outer.model_json_schema()
    add_notes(schema, Outer, Base)
    found = {
        name: {key: each.get("description") for key, each in part["properties"].items()}
        for name, part in (*schema["$defs"].items(), ("Outer", schema))
    }
    assert found == {
        "Inner": {
            "name": "What it is called.",
            "plain": None,
            "other": "The\nother one.",
            "spelt-so": "By its alias.",
        },
        "Outer": {"name": "Another name.", "inner": "A part of it."},
    }
