"""What the docstrings of a model's fields say, for the schemas that are published.

pydantic would collect them when each class is made (``use_attribute_docstrings``), which costs the start of every command some 30 ms; here
they are read from the source when a schema is published.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel


def add_notes(schema: dict[str, Any], model: type[BaseModel], base: type[BaseModel]) -> None:
    """Add each field's docstring as the description of its property, in the JSON Schema of a model and of those inside it.

    All are made of ``base``, and have names of their own.
    """
    definitions: dict[str, Any] = schema.get("$defs", {})
    known = {each.__name__: each for each in _family(base)}
    for name, part in (*definitions.items(), (model.__name__, schema)):
        if name in known:
            _describe(part.get("properties", {}), known[name], base)


def _family(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield a model, and all that are made of it."""
    heap = [base]
    while heap:
        found = heap.pop()
        yield found
        heap.extend(found.__subclasses__())


def _describe(properties: dict[str, Any], model: type[BaseModel], base: type[BaseModel]) -> None:
    for name, note in _notes(model, base).items():
        field = model.model_fields.get(name)
        key = name if field is None or field.alias is None else field.alias
        if key in properties:
            described = {**properties[key], "description": note}
            properties[key] = dict(sorted(described.items()))


def _notes(model: type[BaseModel], base: type[BaseModel]) -> dict[str, str]:
    """Return the docstring below each annotated name of a class, and of those that it is made of."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if issubclass(each, base):
            found |= _of_class(each)
    return found


def _of_class(model: type) -> dict[str, str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    return {
        field.target.id: inspect.cleandoc(note.value.value)
        for field, note in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(note, ast.Expr)
        and isinstance(note.value, ast.Constant)
        and isinstance(note.value.value, str)
    }
