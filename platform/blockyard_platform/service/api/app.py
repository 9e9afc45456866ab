"""The app: every route of every subject, behind one envelope, with one way to answer errors. Nothing happens at import."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from blockyard_platform.service.api.crowd import Crowd
from blockyard_platform.service.api.envelope import Envelope
from blockyard_platform.service.api.models.problems import ProblemOut
from blockyard_platform.service.api.problems import handle_errors
from blockyard_platform.service.api.routes import (
    audit,
    documents,
    events,
    health,
    hooks,
    policies,
    runs,
    schedules,
    secrets,
    subscriptions,
    switches,
    tenants,
    tokens,
    usage,
    workflows,
)
from blockyard_platform.service.api.routing import Guarded, check_routes
from blockyard_platform.service.api.throttle import Throttle
from blockyard_platform.service.operations.serving import CountRequests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blockyard_platform.service.parts import Parts

SUBJECTS = (
    tokens,
    tenants,
    usage,
    policies,
    documents,
    workflows,
    runs,
    events,
    schedules,
    subscriptions,
    hooks,
    secrets,
    switches,
    audit,
    health,
)
"""The modules of routes, in the order of the description. A path without a parameter comes before one with it."""


def create_app(parts: Parts) -> FastAPI:
    """Return the app over the parts, which stay the caller's to close. Raises ValueError for a route that does not say what it needs."""
    app = _App(
        title="Blockyard",
        version=version("blockyard"),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.router.routes.extend(_routes())
    check_routes(app.routes)
    app.state.parts = parts
    app.state.throttle = Throttle()
    app.state.crowd = Crowd(parts.settings.tenant_requests)
    handle_errors(app)
    app.add_middleware(CountRequests, metrics=parts.observing.metrics)
    app.add_middleware(Envelope, secure=parts.settings.tls_certificate is not None)
    return app


def _routes() -> Iterator[Guarded]:
    for subject in SUBJECTS:
        yield from subject.routes()


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the description, made when it is first asked for."""
        if self.openapi_schema is None:
            parts: Parts = self.state.parts
            url = parts.settings.public_url
            found = get_openapi(
                title=self.title,
                version=self.version,
                openapi_version="3.1.0",
                description="Many tenants' workflows, validated, jailed and recorded.",
                routes=self.routes,
                servers=None if url is None else [{"url": url}],
            )
            components = found.setdefault("components", {})
            components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            problem = ProblemOut.model_json_schema(ref_template="#/components/schemas/{model}")
            components["schemas"] |= problem.pop("$defs") | {ProblemOut.__name__: problem}
            self.openapi_schema = found
        return self.openapi_schema
