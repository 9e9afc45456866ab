"""A run that was submitted, in the hand: wait for it, follow it, cancel it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from blockyard_platform.client.binding import Async, Bound, Sync, operation, procedure, series
from blockyard_platform.client.errors import RunFailedError
from blockyard_platform.client.flows import perform
from blockyard_platform.client.following import follow, wait
from blockyard_platform.client.place import Placed
from blockyard_platform.client.run_calls import cancelling, first_failure, followed, look
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from blockyard_platform.client.calls import Call
    from blockyard_platform.client.effects import Flow, Stream
    from blockyard_platform.service.api.models.runs import EventOut, RunOut

P = ParamSpec("P")
T = TypeVar("T")


class _Verbs(Placed):
    """What can be done with a run in the hand."""

    accepted: RunOut
    """The run as it was when it was accepted."""

    @property
    def id(self) -> str:
        """The run's id."""
        return self.accepted.id

    @property
    def tenant(self) -> str:
        """Whose it is."""
        return self.accepted.tenant

    def __repr__(self) -> str:
        """Name the run."""
        return f"{type(self).__name__}({self.tenant}/{self.id})"

    @operation
    def look(self) -> Call[RunOut]:
        """Look at the run."""
        return look(self.place, self.id, self.tenant)

    @operation
    def cancel(self, reason: str = "") -> Call[RunOut]:
        """Cancel the run; when it has ended it stays as it is."""
        return cancelling(self.place, self.id, self.tenant, reason)

    @procedure
    def wait(self, timeout: float | None = None) -> Flow[RunOut]:
        """Return the run when it has ended, however. Raises NotEndedError after ``timeout`` seconds."""
        return wait(look(self.place, self.id, self.tenant), self.place.patient, timeout)

    @procedure
    def result(self, timeout: float | None = None) -> Flow[RunOut]:
        """Return the run when it has ended well. Raises RunFailedError, which says why, when it has not, NotEndedError after ``timeout`` seconds."""
        found = yield from wait(look(self.place, self.id, self.tenant), self.place.patient, timeout)
        if found.status in (Status.FAILED, Status.CANCEL):
            raise RunFailedError(found, (yield from first_failure(self.place, found)))
        return found

    @series
    def events(self, after: int = 0) -> Stream[EventOut]:
        """Yield what happens in the run until it has ended, each event once."""
        return follow(followed(self.place, self.id, self.tenant), after)


class Run(_Verbs, Sync):
    """A run that was submitted."""

    def __init__(self, client: Sync, accepted: RunOut) -> None:
        """Keep who asks."""
        self._client = client
        self.place = client.place
        self.accepted = accepted

    def do(self, flow: Flow[T]) -> T:
        """Return what a flow comes to."""
        return self._client.do(flow)

    def each(self, stream: Stream[T]) -> Iterator[T]:
        """Yield what a stream gives."""
        return self._client.each(stream)


class AsyncRun(_Verbs, Async):
    """A run that was submitted."""

    def __init__(self, client: Async, accepted: RunOut) -> None:
        """Keep who asks."""
        self._client = client
        self.place = client.place
        self.accepted = accepted

    async def do(self, flow: Flow[T]) -> T:
        """Return what a flow comes to."""
        return await self._client.do(flow)

    def each(self, stream: Stream[T]) -> AsyncIterator[T]:
        """Yield what a stream gives."""
        return self._client.each(stream)


class beginning(Bound, Generic[P]):
    """A function that returns the Call of a submission: as a method it returns the run in the hand."""

    operation = ""

    def __init__(self, make: Callable[Concatenate[Any, P], Call[RunOut]]) -> None:
        """Keep the function."""
        super().__init__(make)

    @overload
    def __get__(self, at: None, owner: type) -> Self: ...
    @overload
    def __get__(self, at: Sync, owner: type) -> Callable[P, Run]: ...
    @overload
    def __get__(self, at: Async, owner: type) -> Callable[P, Coroutine[Any, Any, AsyncRun]]: ...
    def __get__(self, at: Sync | Async | None, owner: type) -> Any:
        """Return the method of a client."""
        if at is None:
            return self
        if isinstance(at, Sync):
            return self.bound(at, lambda call: Run(at, at.do(perform(call, at.place.retry))))

        async def begin(call: Call[RunOut]) -> AsyncRun:
            return AsyncRun(at, await at.do(perform(call, at.place.retry)))

        return self.bound(at, begin)
