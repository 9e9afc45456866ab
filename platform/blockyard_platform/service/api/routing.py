"""Routes that say what they need: the gate hangs on the route object, and comes before anything of a request is read.

A route without a gate cannot be made. In order: who asks (401), whether they may (403), then the query, then the body.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from blockyard_platform.service.api.bodies import DOCUMENT_TYPES, ReadRequest, read_body
from blockyard_platform.service.api.models.problems import ProblemOut
from blockyard_platform.service.api.problems import MEDIA_TYPE
from blockyard_platform.service.api.queries import check_query
from blockyard_platform.service.api.security import admit
from blockyard_platform.service.registry.callers import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from starlette.requests import Request
    from starlette.responses import Response

V1 = "/api/v1"
"""What the paths of this version begin with."""


class Gate(StrEnum):
    """What a route needs that needs no action of the registry."""

    OPEN = "open"
    """Nobody is asked who they are."""
    KNOWN = "known"
    """Whoever has a token that holds."""


Needs: TypeAlias = Action | Gate


class Guarded(APIRoute):
    """A route, what it ``needs``, and whether its body is a ``document``: YAML or JSON, as text."""

    def __init__(
        self,
        method: str,
        path: str,
        endpoint: Callable[..., Any],
        needs: Needs,
        *,
        gives: Any = None,
        status: int = 200,
        document: bool = False,
        **more: Any,
    ) -> None:
        """Make a route; ``gives`` is the model of what it answers."""
        if needs not in (*Action, *Gate):
            raise ValueError(f"the route {path} does not say what it needs")
        self.needs = needs
        self.document = document
        # The tag is the module's name; a body's name must not change what clients generate.
        name = endpoint.__name__
        self.methods: set[str]
        super().__init__(
            path,
            endpoint,
            methods=[method],
            response_model=gives,
            status_code=status,
            operation_id=name,
            name=name,
            tags=[endpoint.__module__.rpartition(".")[2]],
            summary=(endpoint.__doc__ or name).strip().splitlines()[0].rstrip("."),
            responses={"default": PROBLEM, **more.pop("responses", {})},
            openapi_extra=_extra(needs, document=document),
            **more,
        )

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the usual handler behind the gate."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            action = self.needs if isinstance(self.needs, Action) else None
            if self.needs is not Gate.OPEN:
                request.state.caller = await admit(request, action)
            check_query(request, self.dependant)
            if self.document or self.body_field is not None:
                read = ReadRequest(request.scope, request.receive)
                await read_body(read, document=self.document)
                return await inner(read)
            return await inner(request)

        return handle


PROBLEM: dict[str, Any] = {
    "description": "What is wrong (RFC 9457)",
    "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{ProblemOut.__name__}"}}},
}
"""How every route describes its errors; the description has the schema besides."""


def check_routes(routes: Iterable[BaseRoute]) -> tuple[Guarded, ...]:
    """Return the routes, all of which are guarded, each with a path and an operation of its own. Raises ValueError."""
    found: list[Guarded] = []
    seen: set[str] = set()
    for route in routes:
        if not isinstance(route, Guarded):
            raise ValueError(f"the route {route} does not say what it needs")  # noqa: TRY004
        for key in (f"{min(route.methods)} {route.path}", route.name):
            if key in seen:
                raise ValueError(f"there are two routes {key}")
            seen.add(key)
        found.append(route)
    return tuple(found)


def _extra(needs: Needs, *, document: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"x-needs": needs.value}
    if needs is not Gate.OPEN:
        found["security"] = [{"token": []}]
    if document:
        content = {
            each: {"schema": {"type": "object" if each.endswith("json") else "string"}}
            for each in DOCUMENT_TYPES
        }
        found["requestBody"] = {"required": True, "content": content}
    return found
