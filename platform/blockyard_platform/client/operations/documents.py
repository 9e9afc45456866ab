"""Documents before they are stored or run: whether they are admitted, what they come to, and what they may be made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from blockyard_platform.client.binding import operation, series
from blockyard_platform.client.calls import (
    Answer,
    Call,
    Request,
    get,
    header,
    mapping,
    model,
    send_text,
)
from blockyard_platform.client.effects import Stream
from blockyard_platform.client.flows import pages
from blockyard_platform.client.place import Placed
from blockyard_platform.service.api.models.base import Paged
from blockyard_platform.service.api.models.workflows import BlockOut, PlanOut, ValidationOut


@dataclass(frozen=True, slots=True)
class TenantSchema:
    """The JSON Schema of a tenant's documents, and its ``etag``; ``schema`` is None when it is the one that was known."""

    etag: str
    schema: dict[str, Any] | None


class DocumentOperations(Placed):
    """What can be asked of documents."""

    @operation
    def validate_document(self, text: str, *, tenant: str | None = None) -> Call[ValidationOut]:
        """Return whether a document, in YAML or JSON, could be run now, and everything that stands against it."""
        url = self.place.of(tenant, "validate")
        return send_text("POST", url, model(ValidationOut), text, safe=True)

    @operation
    def plan_document(self, text: str, *, tenant: str | None = None) -> Call[PlanOut]:
        """Return what a run of a document may come to."""
        url = self.place.of(tenant, "plan")
        return send_text("POST", url, model(PlanOut), text, safe=True)

    @series
    def list_catalog(
        self, tenant: str | None = None, *, limit: int | None = None
    ) -> Stream[BlockOut]:
        """Yield the blocks that a tenant may use, by name."""
        url = self.place.of(tenant, "catalog")
        return pages(get(url, model(Paged[BlockOut]), {"limit": limit}), self.place.retry)

    @operation
    def get_schema(
        self, tenant: str | None = None, *, known: str | None = None
    ) -> Call[TenantSchema]:
        """Return the closed JSON Schema of the documents that a tenant may write, unless its etag is the one that is ``known``."""
        headers = [("Accept", "application/schema+json")]
        if known is not None:
            headers.append(header("If-None-Match", known))
        request = Request("GET", self.place.of(tenant, "schema"), headers=tuple(headers))
        return Call(request, _schema, safe=True, also=(304,))


def _schema(answer: Answer) -> TenantSchema:
    tag = answer.headers.get("etag", "")
    return TenantSchema(tag, None if answer.status == 304 else mapping(answer))
