"""What routes are given: the parts, who asks, which page, and the text of a document."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import Depends, Path, Query
from starlette.requests import Request

from blockyard_platform.service.parts import Parts
from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.service.registry.paging import MOST, Ask


async def _parts(request: Request) -> Parts:
    found: Parts = request.app.state.parts
    return found


async def _caller(request: Request) -> Caller:
    found: Caller = request.state.caller
    return found


async def _text(request: Request) -> str:
    found: str = request.state.text
    return found


async def _ask(
    request: Request,
    limit: Annotated[
        int | None, Query(ge=1, le=MOST, description="Rows of the page at most.")
    ] = None,
    cursor: Annotated[
        str | None, Query(max_length=2_000, description="`next` of the page before.")
    ] = None,
) -> Ask:
    parts: Parts = request.app.state.parts
    return Ask(cursor, limit or parts.settings.page_rows)


Here: TypeAlias = Annotated[Parts, Depends(_parts)]
"""The parts of the service."""
By: TypeAlias = Annotated[Caller, Depends(_caller)]
"""Who asks; the gate of the route has let them in."""
Text: TypeAlias = Annotated[str, Depends(_text)]
"""The body of a route that takes a document."""
Paging: TypeAlias = Annotated[Ask, Depends(_ask)]
"""Which page."""
Tenant: TypeAlias = Annotated[str, Path(description="The name of a tenant.")]
Name: TypeAlias = Annotated[str, Path(description="The name of the thing.")]
Version: TypeAlias = Annotated[int, Path(description="The number of a version, from 1.")]
Note: TypeAlias = Annotated[str, Query(max_length=1_000, description="Why it was changed.")]
OfTenant: TypeAlias = Annotated[
    str | None,
    Query(max_length=63, description="One tenant's alone; without it, all that you may see."),
]
