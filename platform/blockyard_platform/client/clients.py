"""The two clients: the same operations, waited for or awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from blockyard_platform.client.binding import Async, Sync
from blockyard_platform.client.operations.audit import AuditOperations
from blockyard_platform.client.operations.documents import DocumentOperations
from blockyard_platform.client.operations.health import HealthOperations
from blockyard_platform.client.operations.policies import PolicyOperations
from blockyard_platform.client.operations.runs import RunOperations
from blockyard_platform.client.operations.schedules import ScheduleOperations
from blockyard_platform.client.operations.secrets import SecretOperations
from blockyard_platform.client.operations.switches import SwitchOperations
from blockyard_platform.client.operations.tenants import TenantOperations
from blockyard_platform.client.operations.tokens import TokenOperations
from blockyard_platform.client.operations.webhooks import WebhookOperations
from blockyard_platform.client.operations.workflows import WorkflowOperations
from blockyard_platform.client.place import Place
from blockyard_platform.client.retries import PATIENT, USUAL, Retry
from blockyard_platform.client.transport import AsyncTransport, Link, SyncTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from os import PathLike

    from blockyard_platform.client.effects import Flow, Stream

T = TypeVar("T")


class Operations(
    TenantOperations,
    TokenOperations,
    PolicyOperations,
    DocumentOperations,
    WorkflowOperations,
    RunOperations,
    ScheduleOperations,
    WebhookOperations,
    SecretOperations,
    SwitchOperations,
    AuditOperations,
    HealthOperations,
):
    """Every operation of the API."""

    place: Place
    _url: str

    def __repr__(self) -> str:
        """Say where it asks; the token is left out."""
        return f"{type(self).__name__}({self._url!r}, tenant={self.place.tenant!r})"


class Client(Operations, Sync):
    """A client whose methods return when the answer is there. Several threads may share it. Close it, or use ``with``.

    ``url`` is the address of the service, ``token`` what was shown when the token was made, ``tenant`` whose things are meant where a call
    names no other, ``ca`` a file of certificates of authorities that are trusted instead of the usual ones. Plain HTTP is
    for this machine alone, unless ``plaintext``. ``retry`` is for calls, ``patient`` for streams and waits.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        tenant: str | None = None,
        ca: str | PathLike[str] | None = None,
        plaintext: bool = False,
        retry: Retry = USUAL,
        patient: Retry = PATIENT,
    ) -> None:
        """Connect to nothing yet. Raises UsageError."""
        link = Link.to(url, token, ca, plaintext=plaintext)
        self._url = link.url
        self._transport = SyncTransport(link)
        self.place = Place(tenant, retry, patient)

    def do(self, flow: Flow[T]) -> T:
        """Return what a flow comes to."""
        return self._transport.do(flow)

    def each(self, stream: Stream[T]) -> Iterator[T]:
        """Yield what a stream gives."""
        return self._transport.each(stream)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()


class AsyncClient(Operations, Async):
    """A client whose methods are awaited or iterated over with ``async for``, in one event loop; else as :class:`Client`."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        tenant: str | None = None,
        ca: str | PathLike[str] | None = None,
        plaintext: bool = False,
        retry: Retry = USUAL,
        patient: Retry = PATIENT,
    ) -> None:
        """Connect to nothing yet. Raises UsageError."""
        link = Link.to(url, token, ca, plaintext=plaintext)
        self._url = link.url
        self._transport = AsyncTransport(link)
        self.place = Place(tenant, retry, patient)

    async def do(self, flow: Flow[T]) -> T:
        """Return what a flow comes to."""
        return await self._transport.do(flow)

    def each(self, stream: Stream[T]) -> AsyncIterator[T]:
        """Yield what a stream gives."""
        return self._transport.each(stream)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.close()
