"""Whether the service is there, and ready; its numbers; its own description."""

from __future__ import annotations

from typing import Any

from blockyard_platform.client.binding import operation
from blockyard_platform.client.calls import Call, Request, get, mapping, model, text
from blockyard_platform.client.place import Placed, path
from blockyard_platform.service.api.models.health import LiveOut, ReadyOut


class HealthOperations(Placed):
    """What can be asked of the service itself."""

    @operation
    def get_live(self) -> Call[LiveOut]:
        """Return that the process answers."""
        return get("/health/live", model(LiveOut))

    @operation
    def get_ready(self) -> Call[ReadyOut]:
        """Return whether the service is ready, by part; one that is not is an answer, too."""
        return Call(Request("GET", "/health/ready"), model(ReadyOut), safe=True, also=(503,))

    @operation
    def get_metrics(self) -> Call[str]:
        """Return the numbers of the service, as Prometheus reads them."""
        headers = (("Accept", "text/plain"),)
        return Call(Request("GET", "/metrics", headers=headers), text, safe=True)

    @operation
    def get_openapi(self) -> Call[dict[str, Any]]:
        """Return the description of the API (OpenAPI 3.1)."""
        return get(path("openapi.json"), mapping)
