"""Queries of requests: a parameter that there is not, or that stands twice, is an error and not silently left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blockyard_platform.service.api.problems import RefusedRequestError
from blockyard_schemas.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi.dependencies.models import Dependant
    from starlette.requests import Request

_MOST = 50


def check_query(request: Request, dependant: Dependant) -> None:
    """Raise RefusedRequestError for what the route does not know."""
    given = request.query_params.multi_items()
    if not given:
        return
    if len(given) > _MOST:
        raise RefusedRequestError(422, f"there are more than {_MOST} parameters in the query")
    known = set(_names(dependant))
    seen: set[str] = set()
    for name, value in given:
        if name not in known:
            raise RefusedRequestError(
                422,
                f"there is no parameter {name[:60]!r} here",
                did_you_mean(name, known) or f"known are: {', '.join(sorted(known)) or 'none'}",
                rule="unknown-key",
            )
        if name in seen:
            raise RefusedRequestError(422, f"the parameter {name!r} stands twice", "give it once")
        if "\x00" in value:
            raise RefusedRequestError(422, f"the parameter {name!r} holds a NUL")
        seen.add(name)


def _names(dependant: Dependant) -> Iterator[str]:
    for each in dependant.query_params:
        yield each.alias
    for inner in dependant.dependencies:
        yield from _names(inner)
