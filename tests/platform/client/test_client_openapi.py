"""The client has every operation of the API: the same method, the same path."""

import inspect
from typing import Any

import pytest

from blockyard_platform.client import AsyncClient, Client
from blockyard_platform.client.binding import Async, Bound, Sync, operations
from blockyard_platform.client.calls import Call
from blockyard_platform.client.clients import Operations
from blockyard_platform.client.effects import Open
from blockyard_platform.client.place import Place, Placed
from blockyard_platform.service.api.app import SUBJECTS
from blockyard_platform.service.api.routes import events, runs
from blockyard_platform.service.api.routing import check_routes

from .served import Served

COMING: set[str] = set()
"""Operations that a server of this version need not have yet."""

OTHERS = {"deliver_hook"}
"""What is asked by those who have no token: they sign what they send."""

ROUTES = [
    route
    for route in check_routes([route for subject in SUBJECTS for route in subject.routes()])
    if route.name not in OTHERS
]
NAMES = operations(Operations)


class _At(Placed):
    """Whose calls are looked at."""

    def __init__(self) -> None:
        self.place = Place("TENANT")

    def __getattr__(self, name: str) -> Any:
        found = inspect.getattr_static(Operations, name)
        return found.__get__(self)


def test_no_operation_is_missing_and_none_is_made_up() -> None:
    ids = {route.name for route in ROUTES}
    assert ids - set(NAMES) == set()
    assert set(NAMES) - ids - COMING == set()


def test_the_description_that_a_server_gives_has_them_all(service: Served) -> None:
    with service.client() as client:
        found = client.get_openapi()
    ids = {it["operationId"] for path in found["paths"].values() for it in path.values()}
    assert ids == {route.name for route in ROUTES} | OTHERS
    assert found["openapi"].startswith("3.1")


@pytest.mark.parametrize("route", ROUTES, ids=lambda it: it.name)
def test_an_operation_asks_the_route_of_its_name(route: Any) -> None:
    bound: Bound = inspect.getattr_static(Operations, NAMES[route.name])
    made = bound.make(_At(), **dict(_arguments(bound)))
    request = made.request if isinstance(made, Call) else next(_opened(made)).request
    assert request.method == min(route.methods)
    names = {"tenant": "TENANT"}
    for name, value in route.param_convertors.items():
        names.setdefault(name, "7" if name == "version" else "NAME")
        assert value is not None
    assert request.path == route.path.format(**names)
    known = {it.alias for it in route.dependant.query_params}
    for inner in route.dependant.dependencies:
        known |= {it.alias for it in inner.query_params}
    assert {name for name, _ in request.query} <= known


def test_both_clients_have_them_in_their_own_way() -> None:
    assert issubclass(Client, Sync)
    assert issubclass(AsyncClient, Async)
    for name in NAMES.values():
        assert isinstance(inspect.getattr_static(Client, name), Bound)
        assert inspect.getattr_static(Client, name) is inspect.getattr_static(AsyncClient, name)
    assert {"stream_events", "list_events"} <= {it.name for it in events.routes()} & set(NAMES)
    assert len(runs.routes()) >= 8


def test_methods_have_their_words() -> None:
    with Client("http://127.0.0.1:1", "t") as client:
        assert client.get_run.__name__ == "get_run"
        assert (client.get_run.__doc__ or "").startswith("Look at a run")
    for name in NAMES.values():
        assert inspect.getattr_static(Operations, name).__doc__


def _arguments(bound: Bound) -> Any:
    """Yield a value for each parameter that has to be given."""
    for name, it in list(inspect.signature(bound.make).parameters.items())[1:]:
        if it.default is inspect.Parameter.empty:
            numbers = ("version", "to", "runs", "cpu_seconds", "stored_bytes")
            yield name, None if name == "tenant" else 7 if name in numbers else "NAME"


def _opened(stream: Any) -> Any:
    effect = next(stream)
    assert isinstance(effect, Open)
    yield effect
    stream.close()
