"""How one function becomes a method of both clients: called with a client that waits it returns, with an asynchronous one it is awaited.

An operation is a function that returns a call or a flow, as a plain value. Which kind of object it is looked up on says who does it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import wraps
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Self,
    TypeVar,
    cast,
    overload,
)

from blockyard_platform.client.flows import perform
from blockyard_platform.client.place import Placed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from blockyard_platform.client.calls import Call
    from blockyard_platform.client.effects import Flow, Stream

P = ParamSpec("P")
T = TypeVar("T")


class Sync(Placed, ABC):
    """Does flows, and returns when they are over."""

    @abstractmethod
    def do(self, flow: Flow[T]) -> T:
        """Return what a flow comes to."""

    @abstractmethod
    def each(self, stream: Stream[T]) -> Iterator[T]:
        """Yield what a stream gives."""


class Async(Placed, ABC):
    """Does flows in an event loop."""

    @abstractmethod
    async def do(self, flow: Flow[T]) -> T:
        """Return what a flow comes to."""

    @abstractmethod
    def each(self, stream: Stream[T]) -> AsyncIterator[T]:
        """Yield what a stream gives."""


class Bound:
    """A function of which a method is made. ``operation`` is the id that the API's description has for it, if it is one of its own."""

    operation: str | None = None

    def __init__(self, make: Callable[..., Any]) -> None:
        """Keep the function."""
        self.make = make
        self.name = make.__name__
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        """Learn the name, which is that of the API's operation."""
        self.name = name
        if self.operation is None:
            self.operation = name

    def bound(self, at: Any, finish: Callable[[Any], Any]) -> Any:
        """Return a method: the function, and what is done with what it returns."""

        @wraps(self.make)
        def method(*args: Any, **more: Any) -> Any:
            return finish(self.make(at, *args, **more))

        method.__name__ = self.name
        return method


class operation(Bound, Generic[P, T]):
    """A function that returns a Call: as a method it returns the answer."""

    def __init__(self, make: Callable[Concatenate[Any, P], Call[T]]) -> None:
        """Keep the function."""
        super().__init__(make)

    @overload
    def __get__(self, at: None, owner: type) -> Self: ...
    @overload
    def __get__(self, at: Sync, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, at: Async, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, at: Sync | Async | None, owner: type) -> Any:
        """Return the method of a client."""
        if at is None:
            return self
        return self.bound(at, lambda call: at.do(perform(call, at.place.retry)))


class procedure(Bound, Generic[P, T]):
    """A function that returns a Flow: as a method it returns what the flow comes to."""

    operation = ""

    def __init__(self, make: Callable[Concatenate[Any, P], Flow[T]]) -> None:
        """Keep the function."""
        super().__init__(make)

    @overload
    def __get__(self, at: None, owner: type) -> Self: ...
    @overload
    def __get__(self, at: Sync, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, at: Async, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, at: Sync | Async | None, owner: type) -> Any:
        """Return the method of a client."""
        return self if at is None else self.bound(at, at.do)


class series(Bound, Generic[P, T]):
    """A function that returns a Stream: as a method it is iterated over, and asks as far as that goes."""

    def __init__(self, make: Callable[Concatenate[Any, P], Stream[T]]) -> None:
        """Keep the function."""
        super().__init__(make)

    @overload
    def __get__(self, at: None, owner: type) -> Self: ...
    @overload
    def __get__(self, at: Sync, owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, at: Async, owner: type) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, at: Sync | Async | None, owner: type) -> Any:
        """Return the method of a client."""
        return self if at is None else self.bound(at, at.each)


def operations(owner: type) -> dict[str, str]:
    """Return the names of a class's methods that are operations of the API, by the operation's id."""
    found: dict[str, str] = {}
    for each in owner.__mro__:
        for name, value in cast("dict[str, Any]", vars(each)).items():
            if isinstance(value, Bound) and value.operation:
                found.setdefault(value.operation, name)
    return found
