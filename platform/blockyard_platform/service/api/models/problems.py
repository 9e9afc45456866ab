"""Problem documents (RFC 9457), and what is wrong with a document or a request."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class FindingOut(BaseModel):
    """One thing that is wrong, and where: a JSON pointer, with line and column from 1 where the text is known."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)

    rule: str
    """The rule that is broken."""
    pointer: str
    """A JSON pointer (RFC 6901) into the document or the body."""
    line: int | None
    """The line, from 1."""
    column: int | None
    """The column, from 1."""
    message: str
    """What is wrong."""
    hint: str | None
    """What to do."""


class ProblemOut(BaseModel):
    """Why a request was not done."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    type: str
    """What kind of problem it is: ``urn:blockyard:problem:`` and a rule."""
    title: str
    """The kind in words."""
    status: int
    """The HTTP status."""
    detail: str
    """What is wrong here."""
    instance: str
    """This very answer: ``urn:uuid:`` and the id that the log has, too."""
    hint: str | None = None
    """What to do."""
    problems: list[FindingOut] = []
    """Each thing that is wrong, where there can be several."""
