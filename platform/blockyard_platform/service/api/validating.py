"""What a model finds wrong with a request, as problems with places and hints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_schemas.nearest import did_you_mean
from blockyard_schemas.problems import Problem, pointer_of
from blockyard_schemas.reader import Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastapi.exceptions import RequestValidationError
    from starlette.requests import Request

_MOST = 50
_WHERE = ("body", "query", "path", "header")


def problems_of(request: Request, error: RequestValidationError) -> list[Problem]:
    """Return each thing that is wrong; of a body with line and column. No value is told: it may be a secret."""
    source: Source | None = getattr(request.state, "source", None)
    return [_problem(each, source, request) for each in list(error.errors())[:_MOST]]


def _problem(error: dict[str, Any], source: Source | None, request: Request) -> Problem:
    where, *loc = error["loc"] or ("body",)
    words = str(error["msg"]).removeprefix("Value error, ")
    if where != "body":
        name = ".".join(map(str, loc))
        return Problem("type", "", f"{where} {name}: {words}")
    pointer = pointer_of(loc)
    if error["type"] == "extra_forbidden":
        hint = did_you_mean(str(loc[-1]), _keys(request, loc))
        message = f"there is no key {str(loc[-1])[:60]!r} here"
        return Problem("unknown-key", pointer, message, hint, *_place(source, pointer, key=True))
    rule = "missing-key" if error["type"] == "missing" else "type"
    named = f"{pointer}: " if pointer else ""
    return Problem(rule, pointer, f"{named}{words}"[:500], None, *_place(source, pointer))


def _place(
    source: Source | None, pointer: str, *, key: bool = False
) -> tuple[int, int] | tuple[None, None]:
    found = None if source is None else source.locate(pointer, key=key)
    return found or (None, None)


def _keys(request: Request, loc: Iterable[Any]) -> list[str]:
    """Return the keys that the body's own mapping may have."""
    if len(list(loc)) > 1:
        return []
    field = getattr(request.scope.get("route"), "body_field", None)
    model = getattr(getattr(field, "field_info", None), "annotation", None)
    return list(getattr(model, "model_fields", {}))
